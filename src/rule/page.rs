//! The page of documentation of one rule, made from its value.

use std::fmt::Write as _;

use super::Rule;

/// Renders a rule as Markdown: what `careen explain` shows and `docs/rules` holds.
///
/// Parts without text are left out. Ends in one line feed.
pub fn page(rule: &Rule) -> String {
    let mut out = format!("# {}\n\n", rule.title);
    line(&mut out, &format!("| rule | `{}` |", rule.id));
    line(&mut out, "|---|---|");
    line(&mut out, &format!("| severity | {} |", rule.severity));
    line(&mut out, &format!("| confidence | {} |", rule.confidence));
    if rule.is_opt_in {
        line(&mut out, "| off | unless a policy names it |");
    }
    line(&mut out, &format!("| since | careen {} |", rule.since));
    if !rule.also.is_empty() {
        let ids: Vec<_> = rule.also.iter().map(|id| format!("`{id}`")).collect();
        line(&mut out, &format!("| also known as | {} |", ids.join(", ")));
    }
    section(&mut out, "Why it matters", rule.why);
    section(&mut out, "What to do", rule.remediation);
    example(&mut out, "Breaks the rule", rule.bad);
    example(&mut out, "Keeps the rule", rule.good);
    if !rule.references.is_empty() {
        out.push_str("\n## Read on\n\n");
        for url in rule.references {
            line(&mut out, &format!("- <{url}>"));
        }
    }
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    if !text.is_empty() {
        line(out, &format!("\n## {title}\n\n{}", text.trim()));
    }
}

fn example(out: &mut String, title: &str, fragment: &str) {
    if !fragment.is_empty() {
        // longer than any run of backticks inside, so that the fragment cannot end its own block
        let fence = "`".repeat(longest_run_of_backticks(fragment).max(2) + 1);
        line(out, &format!("\n## {title}\n\n{fence}text\n{}\n{fence}", fragment.trim_end()));
    }
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_everything_the_rule_says() {
        let rule = Rule {
            id: "image/example",
            title: "The image is an example",
            why: "Examples teach.",
            remediation: "Read it.",
            references: &["https://example.com/"],
            also: &["EX-1", "EX-2"],
            bad: "USER root",
            good: "USER ``` 1",
            ..Rule::NEW
        };
        let page = page(&rule);
        insta::assert_snapshot!(page, @r"
        # The image is an example

        | rule | `image/example` |
        |---|---|
        | severity | medium |
        | confidence | high |
        | since | careen 0.1.0 |
        | also known as | `EX-1`, `EX-2` |

        ## Why it matters

        Examples teach.

        ## What to do

        Read it.

        ## Breaks the rule

        ```text
        USER root
        ```

        ## Keeps the rule

        ````text
        USER ``` 1
        ````

        ## Read on

        - <https://example.com/>
        ");
    }

    #[test]
    fn parts_without_text_are_left_out() {
        let page = page(&Rule { id: "a/b", title: "T", ..Rule::NEW });
        assert!(!page.contains("##") && !page.contains("also") && !page.contains("| off |"), "{page}");
    }
}
