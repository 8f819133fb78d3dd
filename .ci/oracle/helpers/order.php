<?php
// Orders versions as Composer does. Reads lines `a<TAB>b`, answers `<`, `=`, `>` or `!` (refused), one a line.
require (getenv('COMPOSER_SEMVER') ?: '/usr/share/php/Composer/Semver') . '/autoload.php';

use Composer\Semver\Comparator;
use Composer\Semver\VersionParser;

$parser = new VersionParser();
while (($line = fgets(STDIN)) !== false) {
    [$a, $b] = explode("\t", rtrim($line, "\n"));
    try {
        $a = $parser->normalize($a);
        $b = $parser->normalize($b);
    } catch (Exception $refused) {
        echo "!\n";
        continue;
    }
    // named branches have no order
    if (str_starts_with($a, 'dev-') || str_starts_with($b, 'dev-')) {
        echo "!\n";
        continue;
    }
    echo Comparator::lessThan($a, $b) ? '<' : (Comparator::greaterThan($a, $b) ? '>' : '='), "\n";
}
