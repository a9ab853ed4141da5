#!/usr/bin/env python3
"""
loginbell on a whole Debian (its release in $LOGINBELL_RELEASE), with an administrator and an
intruder. The cases are one host's life, in the order of the modules that are imported here.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hosts
import host_service
import host_state
import host_intruder
import host_life
import host_fleet
import tap
from host_scene import READER, SENDER, Scene

hosts.start()
the_scene = Scene()


def last_words():
    return the_scene.host.journal("-u", READER, "-u", SENDER, "-n", "40")


tap.main(the_scene, after_failure=last_words)
