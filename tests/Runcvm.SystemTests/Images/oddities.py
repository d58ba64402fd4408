"""Makes files of the kinds that copies of a file system tend to lose, then writes the whole root to standard output."""
import os
import subprocess

top = b"/odd"
os.makedirs(top)


def write(name, content=b"content", mode=0o644, owner=(0, 0)):
    with open(name, "wb") as file:
        file.write(content)
    os.chown(name, *owner)
    os.chmod(name, mode)
    return name


write(top + b"/setuid", mode=0o4755)
write(top + b"/sticky-and-setgid", mode=0o3711, owner=(0, 50))
write(top + b"/others", mode=0o640, owner=(1000, 50))
write(top + b"/large-ids", owner=(4000000000, 3000000000))
write(top + b"/empty", content=b"")
write(top + b"/no-permissions", mode=0)
write(top + b"/not-utf8-\xff\xfe\x80")
write(top + b"/new\nline and  spaces \t")
# mkfs.erofs 1.5 cannot do the 255 bytes that a name may have.
write(top + b"/" + b"n" * 254)
write(top + b"/binary", content=bytes(range(256)) * 5000)

with open(top + b"/sparse", "wb") as file:
    file.truncate(20_000_000)
    file.seek(10_000_000)
    file.write(b"island")

first = write(top + b"/linked")
os.makedirs(top + b"/deep/er")
os.link(first, top + b"/deep/linked")
os.link(first, top + b"/deep/er/linked")

os.symlink(b"/nowhere/at all", top + b"/dangling")
os.symlink(b"x" * 4000, top + b"/long-link")
os.lchown(top + b"/dangling", 1000, 1000)

os.mknod(top + b"/character", 0o020600, os.makedev(1, 3))
os.mknod(top + b"/block", 0o060660, os.makedev(259, 70000))
os.mkfifo(top + b"/pipe", 0o622)

os.setxattr(write(top + b"/attributes"), b"user.comment", b"\x00binary\xff")
os.setxattr(top + b"/attributes", b"user.long", b"v" * 1000)
os.setxattr(top + b"/deep", b"user.on-a-directory", b"yes")
subprocess.run(["setcap", "cap_net_raw+ep", write(top + b"/capable", mode=0o755)], check=True)
os.utime(top + b"/empty", ns=(1, 1_000_000_007))

os.execvp("tar", ["tar", "-c", "--format=posix", "--xattrs", "--xattrs-include=*", "--one-file-system",
                   "--exclude=./proc", "--exclude=./sys", "-C", "/", "."])
