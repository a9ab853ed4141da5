#!/usr/bin/perl
# The home remedy that loginbell replaces, its faults included:
#
#	old-remedy.pl KNOWN SENDMAIL RECIPIENT… </var/log/auth.log
#
# mails each line of a login by key in which the expression KNOWN is not found. The address is the
# eleventh word, as it is where the time has no year.
use strict;
use warnings;

my ($known, $sendmail, @recipients) = @ARGV;

while (my $line = <STDIN>) {
	next unless $line =~ /Accepted publickey/;
	next if $line =~ /$known/;
	print $line;

	my $address = (split ' ', $line)[10];
	open(my $mail, '|-', "$sendmail -oi -t") or die "$sendmail: $!\n";
	print $mail 'To: ', join(', ', @recipients), "\n";
	print $mail "Subject: Server login from $address\n\n";
	print $mail $line;
	close($mail) or die "$sendmail: $?\n";
}
