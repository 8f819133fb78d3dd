//! Whole files: places, heredocs, recovery, variables, stages.

use super::*;

#[test]
fn it_reads() {
    let file = Dockerfile::parse(b"FROM a AS b\nRUN echo \\\n # c\n hi && ls\n");
    assert_eq!(file.instructions.len(), 2);
    assert_eq!(file.script(1).expect("a script").commands.len(), 2);
}
