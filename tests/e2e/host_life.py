"""A host's life: loginbell removed."""

from host_scene import READER, SENDER
from tap import case, expect_equal, expect_in

STATE = "/var/lib/loginbell"


@case
def uninstalled_only_the_administrators_files_stay(scene):
    host = scene.host
    host.run("systemctl", "disable", "--now", READER, SENDER)
    host.run("ninja", "-C", "/build", "uninstall")
    found = host.run("find", "/usr", "/etc", "-name", "*loginbell*").stdout.split()
    expect_equal(sorted(found), ["/etc/loginbell", "/etc/loginbell/loginbell.conf",
                                 "/etc/loginbell/loginbell.conf.d"])
    expect_in(f"{STATE}/position", host.run("find", STATE).stdout)
