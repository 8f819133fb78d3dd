// Orders versions as node-semver does. Reads lines `a<TAB>b`, answers `<`, `=`, `>` or `!` (refused), one a line.
// order.js semver|npm|bitnami
const semver = require('semver');
const scheme = process.argv[2];

// npm takes a `v` and spaces round a version; Semantic Versioning does not.
function parse(text) {
  if (scheme !== 'npm' && !/^[0-9]/.test(text)) return null;
  if (scheme !== 'npm' && text !== text.trim()) return null;
  return semver.parse(text);
}

// Bitnami: what stands in the place of the pre-release is a revision, later than none.
function bitnami(a, b) {
  const bare = (v) => v.prerelease.length === 0;
  const revision = bare(a) === bare(b) ? a.comparePre(b) : bare(a) ? -1 : 1;
  return a.compareMain(b) || revision;
}

const answers = [];
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').slice(0, -1)) {
  const [a, b] = line.split('\t').map(parse);
  if (!a || !b) answers.push('!');
  else answers.push('<=>'[(scheme === 'bitnami' ? bitnami(a, b) : semver.compare(a, b)) + 1]);
}
console.log(answers.join('\n'));
