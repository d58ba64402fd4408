"""Prints one line for every file below a folder: everything about it that an image promises."""
import hashlib
import os
import stat
import sys

# What the engine puts there itself, where only the kernel writes, and the modules of a machine's kernel.
OTHERS = {b"/proc", b"/sys", b"/dev", b"/.dockerenv", b"/etc/hosts", b"/etc/hostname", b"/etc/resolv.conf", b"/etc/mtab",
          b"/usr/lib/modules"}
names = {}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def describe(path):
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    words = [path, oct(status.st_mode), status.st_uid, status.st_gid]
    words += sorted((name, os.getxattr(path, name, follow_symlinks=False))
                    for name in os.listxattr(path, follow_symlinks=False))
    if kind != stat.S_IFDIR:
        words += [status.st_size, status.st_nlink, status.st_mtime_ns]
        if status.st_nlink > 1:
            words.append(names.setdefault((status.st_dev, status.st_ino), path))
    if kind == stat.S_IFREG:
        words.append(digest(path))
    if kind == stat.S_IFLNK:
        words.append(os.readlink(path))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        words.append((os.major(status.st_rdev), os.minor(status.st_rdev)))
    print(*words, flush=False)
    return kind == stat.S_IFDIR


def walk(folder):
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if path not in OTHERS and describe(path):
            walk(path)


walk(os.fsencode(sys.argv[1]))
