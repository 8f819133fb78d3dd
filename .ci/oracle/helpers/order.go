// Orders versions as Go does. Reads lines `a<TAB>b`, answers `<`, `=`, `>` or `!` (refused), one a line.
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"

	"oracle/semver"
)

var toolchain = regexp.MustCompile(`^go(\d+\.\d+)(\.\d+)?(?:(beta|rc)(\d+))?$`)

// Advisories write modules without the `v`, and `go1.21rc2` as 1.21.0-rc.2.
func written(text string) string {
	if part := toolchain.FindStringSubmatch(text); part != nil {
		patch := part[2]
		if patch == "" {
			patch = ".0"
		}
		text = part[1] + patch
		if part[3] != "" {
			text += "-" + part[3] + "." + part[4]
		}
	}
	if !strings.HasPrefix(text, "v") {
		text = "v" + text
	}
	return text
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		pair := strings.Split(in.Text(), "\t")
		a, b := written(pair[0]), written(pair[1])
		if !semver.IsValid(a) || !semver.IsValid(b) {
			fmt.Fprintln(out, "!")
			continue
		}
		fmt.Fprintln(out, string("<=>"[semver.Compare(a, b)+1]))
	}
}
