#!/usr/bin/perl
# The script that loginbell replaces, with its faults: cat auth.log | ALLOWED=ADDRESS remedy.pl
# Without SENDMAIL= nothing is started for a line that would be mailed: reading alone.
use strict;
use warnings;

sub mail {
	my ($address, $line) = @_;
	local $SIG{PIPE} = 'IGNORE'; # SENDMAIL=/bin/true reads nothing
	open(my $sendmail, '|-', $ENV{SENDMAIL}, '-oi', '-t') or die "sendmail: $!";
	print $sendmail "To: root\@localhost, admin\@localhost\n",
		"Subject: Server login from $address\n\n$line";
	close($sendmail);
}

while (my $line = <STDIN>) {
	next unless $line =~ /Accepted publickey/;
	next if $line =~ /$ENV{ALLOWED}/;
	print $line;
	mail((split ' ', $line)[10], $line) if $ENV{SENDMAIL};
}
