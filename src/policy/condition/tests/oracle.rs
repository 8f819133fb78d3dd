//! Random conditions, judged by the crate `cel` too: where ours has an answer, it is the same.

use std::collections::HashMap;

use cel::{Context, Program, Value};

use super::*;

/// Writes random conditions whose types fit.
struct Writer(u64);

impl Writer {
    /// A number below `count`, by `SplitMix64`.
    fn pick(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % count
    }

    fn one(&mut self, of: &[&str]) -> String {
        let index = self.pick(of.len() as u64);
        of[usize::try_from(index).expect("small")].to_owned()
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["true", "false", "finding.fixable", "finding.exploited"]);
        }
        let d = depth - 1;
        match self.pick(12) {
            0 => format!("({} && {})", self.truth(d), self.truth(d)),
            1 => format!("({} || {})", self.truth(d), self.truth(d)),
            2 => format!("!{}", self.truth(d)),
            3 | 4 => {
                let sign = self.one(&["==", "!=", "<", "<=", ">", ">="]);
                format!("({} {sign} {})", self.whole(d), self.whole(d))
            }
            5 => {
                let sign = self.one(&["==", "!=", "<", "<=", ">", ">="]);
                format!("({} {sign} {})", self.fraction(d), self.fraction(d))
            }
            6 => {
                let sign = self.one(&["==", "!=", "<", ">="]);
                format!("({} {sign} {})", self.text(d), self.text(d))
            }
            7 => {
                let call = self.one(&["contains", "startsWith", "endsWith"]);
                format!("{}.{call}({})", self.text(d), self.text(d))
            }
            8 => format!("({} in {})", self.whole(d), self.list(d)),
            9 => {
                let call = self.one(&["all", "exists", "exists_one"]);
                format!("{}.{call}(x, {})", self.list(d), self.about_x(d))
            }
            10 => format!("({} == {})", self.list(d), self.list(d)),
            _ => format!("({} ? {} : {})", self.truth(d), self.truth(d), self.truth(d)),
        }
    }

    fn about_x(&mut self, depth: usize) -> String {
        let sign = self.one(&["==", "!=", "<", ">="]);
        let divided = self.one(&["x", "x + 1", "6 / x", "x % 2", "-x"]);
        format!("({divided} {sign} {})", self.whole(depth.saturating_sub(1)))
    }

    fn whole(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&[
                "0",
                "1",
                "2",
                "7",
                "-3",
                "9223372036854775807",
                "finding.severity_rank",
                "finding.layer",
                "finding.bytes",
            ]);
        }
        let d = depth - 1;
        match self.pick(6) {
            0 | 1 => {
                let sign = self.one(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.whole(d), self.whole(d))
            }
            2 => format!("size({})", self.text(d)),
            3 => format!("size({})", self.list(d)),
            4 => format!("({} ? {} : {})", self.truth(d), self.whole(d), self.whole(d)),
            _ => format!("{}[{}]", self.list(d), self.one(&["0", "1", "2", "9"])),
        }
    }

    fn fraction(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["0.0", "1.0", "2.5", "1e3", "-7.25", "finding.cvss", "finding.epss"]);
        }
        let d = depth - 1;
        let sign = self.one(&["+", "-", "*", "/"]);
        format!("({} {sign} {})", self.fraction(d), self.fraction(d))
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["''", "'a'", "\"high\"", "'é\\n'", "finding.rule", "finding.subject", "r'\\d'"]);
        }
        let d = depth - 1;
        match self.pick(3) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            1 => format!("string({})", self.whole(d)),
            _ => format!("({} ? {} : {})", self.truth(d), self.text(d), self.text(d)),
        }
    }

    /// Of whole numbers.
    fn list(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.one(&["[0]", "[1, 2]", "[3, 1, 2]", "[-1, 0, 7]"]);
        }
        let d = depth - 1;
        match self.pick(4) {
            0 => format!("({} + {})", self.list(d), self.list(d)),
            1 => format!("{}.filter(x, {})", self.list(d), self.about_x(d)),
            2 => format!("[1, 2, 3].map(x, x * {})", self.whole(0)),
            _ => format!("[{}, {}]", self.whole(d), self.whole(d)),
        }
    }
}

fn context() -> Context<'static, 'static> {
    let fields: HashMap<&str, Value> = HashMap::from([
        ("fixable", true.into()),
        ("exploited", true.into()),
        ("severity_rank", 3_i64.into()),
        ("layer", 3_i64.into()),
        ("bytes", 4096_i64.into()),
        ("cvss", 7.2_f64.into()),
        ("epss", 0.42_f64.into()),
        ("rule", "package/vulnerable".into()),
        ("subject", "CVE-2021-23337".into()),
    ]);
    let mut context = Context::default();
    context.add_variable_from_value("finding", fields);
    context
}

#[test]
fn the_crate_says_the_same() {
    let (finding, facts) = (flaw(), facts());
    let image = ImageObject::new(&facts, today());
    let object = FindingObject::new(&finding, Origin::App, Ages::default());
    let context = context();
    let (mut answers, mut errors) = (0, 0);
    for seed in 0..1_500 {
        let text = Writer(seed).truth(2 + usize::try_from(seed % 2).expect("small"));
        if text.len() > 400 {
            continue;
        }
        let condition = match Condition::compile(&text) {
            Ok(condition) => condition,
            Err(problem) => {
                assert!(problem.message.contains("nested more than 2"), "{text}: {problem:?}");
                continue;
            }
        };
        let ours = condition.holds(&object, &image);
        let program = Program::compile(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        match (ours, program.execute(&context)) {
            (Ok(ours), Ok(Value::Bool(theirs))) => {
                assert_eq!(ours, theirs, "{text}");
                answers += 1;
            }
            (Err(_), Err(_)) => errors += 1,
            (ours, theirs) => panic!("{text}: {ours:?} and {theirs:?}"),
        }
    }
    assert!(answers > 500 && errors > 50, "{answers} answers, {errors} errors");
}
