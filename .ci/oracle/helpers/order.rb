# Orders versions as RubyGems does. Reads lines `a<TAB>b`, answers `<`, `=`, `>` or `!` (refused), one a line.
STDIN.each_line do |line|
  a, b = line.chomp("\n").split("\t", -1)
  if Gem::Version.correct?(a) && Gem::Version.correct?(b)
    puts ['<', '=', '>'][(Gem::Version.new(a) <=> Gem::Version.new(b)) + 1]
  else
    puts '!'
  end
end
