//! What is refused, and what is not though it looks alike.

use super::*;

/// The words that are refused in a file whose first line is `FROM a`; those that another rule tells of with `!`, those
/// that Docker only stumbles over with `?`.
fn refused(text: &str) -> Vec<String> {
    let whole = if text.starts_with("FROM") || text.contains("\nFROM ") {
        text.to_owned()
    } else {
        format!("FROM a\n{text}\n")
    };
    let file = Dockerfile::parse(whole.as_bytes());
    let show = |problem: &Problem| {
        assert!(!problem.message.ends_with('.'), "{}", problem.message);
        let mark = if problem.told_by.is_some() {
            "!"
        } else if problem.is_fatal {
            ""
        } else {
            "?"
        };
        format!("{mark}{}", file.source(problem.span))
    };
    file.problems.iter().map(show).collect()
}

#[test]
fn what_docker_refuses_is_refused_at_its_word() {
    let digest = "0123456789abcdef".repeat(4);
    let short = format!("a@sha256:{}", digest.get(1..).expect("digits"));
    let upper = format!("a@sha256:{}", digest.to_uppercase());
    let old = format!("a@md5:{digest}");
    let long = format!("a:{}", "x".repeat(129));
    let from_short = format!("FROM {short}");
    let checksum = format!("ADD --checksum=sha256:{digest} a /");
    let checksums = format!("ADD --checksum=sha256:{digest} https://x.example/a https://x.example/b /c/");
    let cases: &[(&str, &str)] = &[
        // words
        ("ENV A=${B", "${B"),
        ("ENV A=\"b", "\"b"),
        ("ENV A it's", "it's"),
        ("ENV A='b\" C=d", "'b\" C=d"),
        ("LABEL a=\"b", "\"b"),
        ("LABEL a it's", "it's"),
        ("ARG A=\"b", "\"b"),
        ("ARG A=\"b\nFROM a", "\"b"),
        ("COPY it's /", "it's"),
        ("COPY a /${B", "/${B"),
        ("COPY --chown=${B a /", "${B"),
        ("USER ${B", "${B"),
        ("USER \"a", "\"a"),
        ("WORKDIR /${B", "/${B"),
        ("WORKDIR '/a", "'/a"),
        ("EXPOSE ${B", "${B"),
        ("EXPOSE \"80", "\"80"),
        ("VOLUME ['/a", "['/a"),
        ("VOLUME [\"${B\"]", "\"${B\""),
        ("STOPSIGNAL ${B", "${B"),
        ("ENV A=${B^^}", "${B^^}"),
        ("ENV A=${}", "${}"),
        ("ENV A=${B/c}", "${B/c}"),
        ("ENV A=${B:c}", "${B:c}"),
        ("ENV A=${-x}", "${-x}"),
        ("FROM a\nENV B=c\nENV A=${B#\\a}", "${B#\\a}"),
        ("FROM --platform=${B a", "${B"),
        ("COPY <<E /a\nx\n  ${y z\nE", "${y z"),
        ("COPY <<E /a\n$x it's \"${y^^}\"\nE", "${y^^}\""),
        // mounts
        ("RUN --mount=type=bnd,target=/a b", "type=bnd"),
        ("RUN --mount=type=cache,targt=/a b", "targt=/a"),
        ("RUN --mount=type=cache,/a b", "/a"),
        ("RUN --mount=type=cache,target=/a, b", ""),
        ("RUN --mount= b", ""),
        ("RUN --mount=type=cache b", "type=cache"),
        ("RUN --mount=type=cache,target=/ b", "type=cache,target=/"),
        ("RUN --mount=target= b", "target="),
        ("RUN --mount=id=a b\nWORKDIR /c", "id=a"),
        ("RUN --mount=type=bind,target=/a,mode=0755 b", "type=bind,target=/a,mode=0755"),
        ("RUN --mount=type=cache,target=/a,mode=rwx b", "mode=rwx"),
        ("RUN --mount=type=cache,target=/a,uid=root b", "uid=root"),
        ("RUN --mount=type=cache,target=/a,sharing=all b", "sharing=all"),
        ("RUN --mount=type=bind,target=/a,sharing=shared b", "type=bind,target=/a,sharing=shared"),
        ("RUN --mount=type=cache,target=/a,ro=maybe b", "ro=maybe"),
        ("RUN --mount=type=cache,target=/a,required b", "required"),
        ("RUN --mount=required,type=secret,id=x b", "required"),
        ("RUN --mount=type=bind,target=/a,size=1m b", "size=1m"),
        ("RUN --mount=type=tmpfs,target=/a,size=much b", "size=much"),
        ("RUN --mount=type=secret b", "type=secret"),
        ("RUN --mount=type=secret,id=a,src=b c", "type=secret,id=a,src=b"),
        ("RUN --mount=type=secret,id=a,from=b c", "type=secret,id=a,from=b"),
        ("RUN --mount=type=bind,from=$X,target=/a b", "from=$X"),
        ("RUN --mount=type=bind,from=A,target=/a b", "from=A"),
        ("RUN --network=bridge b", "bridge"),
        ("RUN --network= b", ""),
        ("RUN --security=off b", "off"),
        // health checks and signals
        ("HEALTHCHECK --interval=5 CMD a", "5"),
        ("HEALTHCHECK --interval=5x CMD a", "5x"),
        ("HEALTHCHECK --timeout=500us CMD a", "500us"),
        ("HEALTHCHECK --start-period=-1s CMD a", "-1s"),
        ("HEALTHCHECK --start-interval=s CMD a", "s"),
        ("HEALTHCHECK --retries=-1 CMD a", "-1"),
        ("HEALTHCHECK --retries=x CMD a", "x"),
        ("HEALTHCHECK --retry=1 CMD a", "--retry=1"),
        ("HEALTHCHECK CMD", "CMD"),
        ("HEALTHCHECK curl x", "curl x"),
        ("HEALTHCHECK NONE a", "a"),
        ("STOPSIGNAL SIGNOPE", "SIGNOPE"),
        ("STOPSIGNAL 0", "0"),
        ("STOPSIGNAL RTMIN+16", "RTMIN+16"),
        ("STOPSIGNAL 65", "?65"),
        // copies
        ("COPY --chmod=abc a /", "abc"),
        ("COPY --chmod=888 a /", "888"),
        ("COPY --chmod=17777 a /", "17777"),
        ("ADD --chmod=u a /", "u"),
        ("COPY --from=A /a /", "A"),
        ("COPY --from=$X /a /", "$X"),
        ("COPY --from=a:b:c /a /", "a:b:c"),
        ("COPY --from=7 /a /", "!7"),
        ("COPY --from=0 /a /", "!0"),
        ("FROM a AS b\nCOPY --from=b /a /", "!b"),
        ("FROM a\nCOPY --from=c /a /\nFROM a AS c", "!c"),
        ("FROM a\nRUN --mount=from=c,target=/x y\nFROM a AS c", "!from=c"),
        ("COPY https://x.example/a /", "https://x.example/a"),
        ("COPY git@x.example:a.git /", "git@x.example:a.git"),
        ("COPY a <<E\nE", "<<E"),
        ("COPY a", "a"),
        (checksum.as_str(), checksum.split(' ').nth(1).expect("a flag")),
        (checksums.as_str(), checksums.split(' ').nth(1).expect("a flag")),
        ("ADD --checksum=sha256:12 https://x.example/a /", "sha256:12"),
        ("ADD --checksum=md5:12 https://x.example/a /", "md5:12"),
        ("ADD --checksum=12 https://x.example/a /", "12"),
        // images
        ("FROM A", "A"),
        ("FROM a/B:1", "a/B:1"),
        ("FROM a_-b", "a_-b"),
        ("FROM a..b", "a..b"),
        ("FROM -a", "-a"),
        ("FROM a:", "a:"),
        ("FROM a:-b", "a:-b"),
        ("FROM :a", ":a"),
        ("FROM a:b:c", "a:b:c"),
        ("FROM a//b", "a//b"),
        ("FROM x.example:port/a", "x.example:port/a"),
        ("FROM a@sha256", "a@sha256"),
        (from_short.as_str(), short.as_str()),
        ("FROM a b", "a b"),
        ("FROM a AS 1b", "1b"),
        ("FROM a AS b c", "a AS b c"),
        ("FROM --platform=amd a", "amd"),
        ("FROM --platform= a", ""),
        ("FROM --platform=linux/arm/v7/x a", "linux/arm/v7/x"),
        ("FROM --platform=linux/ a", "linux/"),
        // ports
        ("EXPOSE a", "!a"),
        ("EXPOSE 65536", "!65536"),
        ("EXPOSE 80/http", "!80/http"),
        ("EXPOSE 90-80", "!90-80"),
        ("EXPOSE -80", "!-80"),
        ("EXPOSE /tcp", "!/tcp"),
        ("EXPOSE a:80", "!a:80"),
        // whole instructions
        ("ONBUILD ONBUILD RUN a", "ONBUILD"),
        ("ONBUILD FROM a", "FROM"),
        ("ONBUILD MAINTAINER a", "MAINTAINER"),
        ("WORKDIR", "WORKDIR"),
        ("USER", "USER"),
        ("ENV A", "A"),
        ("ARG =a", "=a"),
        ("ENV --x=1 A=b", "--x=1"),
        ("CMD --x a", "--x"),
        ("EXPOSE", "EXPOSE"),
    ];
    let mut wrong = String::new();
    for (text, word) in cases {
        let found = refused(text);
        if found != [*word] {
            wrong += &format!("{text:?}\n  found    {found:?}\n  expected {word:?}\n");
        }
    }
    for image in [&upper, &old, &long, &digest] {
        assert_eq!(refused(&format!("FROM {image}")), [image.as_str()]);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_docker_takes_is_not_refused() {
    let digest = "0123456789abcdef".repeat(4);
    let pinned = format!("FROM x.example:5000/a/b-c__d.e:1.2_3@sha256:{digest}");
    let longer = format!("FROM a@sha512:{digest}{digest}");
    let checksum = format!("ADD --checksum=sha256:{digest} https://x.example/a <<E /\nE");
    let cases = [
        pinned.as_str(),
        longer.as_str(),
        checksum.as_str(),
        "FROM scratch",
        "FROM localhost/a",
        "FROM Host/a",
        "FROM [::1]:5000/a",
        "FROM a AS Base\nFROM Base",
        "FROM a AS b\nFROM c\nCOPY --from=B /x /\nCOPY --from=0 /x /",
        "FROM --platform=$BUILDPLATFORM a",
        "FROM --platform=linux/arm64/v8 a",
        "FROM --platform=windows(10.0.17763)/amd64 a",
        "FROM --platform=arm64 a",
        "ARG X\nFROM ${X}A",
        "ARG X=B\nFROM $X",
        "ENV A=it\\'s B=\"it's\" C=${D:-\"}\"}",
        "ENV A=${B:-${C:+d}} D=${E#*/} F=${G%%.*} H=${I//a/b} J=$ K=$1",
        "ENV A=${+x}",
        "RUN echo ${B^^} 'a' && echo \"${C\" }\"",
        "CMD echo it's ${B",
        "ENTRYPOINT \"a",
        "MAINTAINER it's me",
        "SHELL [\"a'\", \"${b\"]",
        "HEALTHCHECK CMD it's",
        "ONBUILD COPY it's --chmod=x ${ /",
        "COPY <<'E' /a\n${y\nE",
        "COPY <<E /a\nit's \\${y \"\nE",
        "RUN <<E\n${y\nE",
        "RUN --mount=type=cache,target=/a,id=x,sharing=locked,mode=0700,uid=1,gid=2,ro,source=/b,from=scratch b",
        "RUN --mount=type=CACHE,TARGET=/a b",
        "RUN --mount=target=. --mount=type=tmpfs,dst=/t,size=64m --mount=type=ssh,required=true b",
        "RUN --mount=type=secret,id=a --mount=type=secret,env=B --mount=type=secret,target=/c,required d",
        "RUN --mount=type=secret,id=a,env=B,mode=0400,uid=0 b",
        "RUN --mount=type=$X,foo b",
        "RUN --mount=type=cache,target=$X,uid=$Y b",
        "RUN --mount=type=bind,target=/a,from=0 b",
        "RUN --mount=\"type=cache,target=/a\" b",
        "WORKDIR /x\nRUN --mount=type=cache b",
        "FROM a AS b\nWORKDIR /x\nFROM b\nRUN --mount=type=cache c",
        "RUN --network=none --security=insecure --device=x.example/y=z b",
        "HEALTHCHECK --interval=0 --timeout=1ms --start-period=1h1.5m --start-interval= --retries=0 CMD a",
        "HEALTHCHECK --interval=+.5s CMD a",
        "HEALTHCHECK --foo=bar NONE",
        "STOPSIGNAL SIGTERM",
        "STOPSIGNAL quit",
        "STOPSIGNAL \"9\"",
        "STOPSIGNAL 64",
        "STOPSIGNAL SIGRTMIN+15",
        "STOPSIGNAL rtmax-3",
        "STOPSIGNAL $X",
        "COPY --chmod=0755 a /",
        "COPY --chmod=u=rwX,go+r-w a /",
        "COPY --chmod=$X a /",
        "COPY --chmod= a /",
        "COPY --from=scratch /a /",
        "COPY --from=x.example/a:1 /a /",
        "COPY a b /c",
        "COPY [\"a b\", \"<<E\", \"/\"]",
        "ADD https://x.example/a git@x.example:a.git /",
        "ADD --checksum=0123 https://x.example/a.git#main /",
        "ADD --checksum=$X https://x.example/a /",
        "ADD --checksum=sha256:1 $X /",
        "EXPOSE 80 80/ 80/UDP 8000-8010/sctp 127.0.0.1:80:80 :80 0 \"443\" $X ${Y:-a}/tcp",
        "USER \"\"",
        "WORKDIR \"\"",
        "ENV \"A\"=",
        "ARG A= B C=$D",
    ];
    for text in cases {
        assert_eq!(refused(text), [""; 0], "{text}");
    }
}

#[test]
fn what_is_too_much_for_this_reader_is_not_refused() {
    let deep = format!("ENV A={}b{}", "${c:-".repeat(40), "}".repeat(40));
    let long = format!("FROM scratch\nENV A={}\nENV B=$A$A$A$A C=${{A#{}}}", "x".repeat(3_000), "y".repeat(300));
    for text in [deep, long] {
        assert_eq!(refused(&text), [""; 0], "{text}");
    }
}
