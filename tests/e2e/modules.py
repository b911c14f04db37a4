"""Extension modules and embedding programs, built for an interpreter with its own headers."""
import functools
import json
import os
import subprocess

import machine
from recording import WORKLOADS

QUERY = """
import json, sysconfig
print(json.dumps({"include": sysconfig.get_path("include"), "suffix": sysconfig.get_config_var("EXT_SUFFIX")}))
"""


@functools.lru_cache(maxsize=None)
def about(path):
    """Where an interpreter keeps its headers, and how the names of its modules end."""
    return json.loads(subprocess.run([path, "-I", "-c", QUERY], check=True, capture_output=True, text=True,
                                     timeout=machine.SAFETY).stdout)


def compile_c(source, output, *options):
    subprocess.run(["gcc", "-O2", "-g", "-Wall", "-Werror", "-o", str(output), str(WORKLOADS / source),
                    *map(str, options)], check=True, timeout=machine.SAFETY)
    return output


def build_counting(python, folder, *options):
    """tests/workloads/counting.c as a module for that interpreter, in a folder of its own."""
    os.makedirs(folder, exist_ok=True)
    return compile_c("counting.c", os.path.join(folder, "counting" + about(python.path)["suffix"]), "-shared", "-fPIC",
                     "-I", about(python.path)["include"], *options)


def build_plugin(python, folder, name):
    """A library with a function of that name, made of tests/workloads/plugin.c; "PATH:NAME"."""
    path = compile_c("plugin.c", os.path.join(folder, f"{name}.so"), "-shared", "-fPIC", "-DPLUGIN", f"-DNAME={name}",
                     "-I", about(python.path)["include"])
    return f"{path}:{name}"


def build_plugins(python, folder):
    """The module that loads such libraries."""
    return compile_c("plugin.c", os.path.join(folder, "plugins" + about(python.path)["suffix"]), "-shared", "-fPIC",
                     "-I", about(python.path)["include"])
