using System.Text;
using Runcvm.Linux.Files;

namespace Runcvm.Kernels;

/// <summary>Writes the archive format that the kernel unpacks as its first root file system: "newc" of cpio, as in
/// Documentation/driver-api/early-userspace/buffer-format.rst. Owners are root and times zero, so equal content gives
/// equal bytes.</summary>
internal sealed class CpioWriter(Stream output)
{
    private const string Magic = "070701";
    private const int HeaderSize = 110;

    private uint _lastInode;
    private long _written;

    public void Directory(string name) => Entry(name, Mode(FileKind.Directory, Permission.PlainFolder), ++_lastInode, 2, []);

    public void CharacterDevice(string name, uint permissions, uint major, uint minor)
        => Entry(name, Mode(FileKind.CharacterDevice, permissions), ++_lastInode, 1, [], major, minor);

    public void File(string name, uint permissions, ReadOnlySpan<byte> content)
        => Entry(name, Mode(FileKind.Regular, permissions), ++_lastInode, 1, content);

    /// <summary>One file under several names. As cpio itself does it, the content follows the last of them.</summary>
    public void File(IReadOnlyList<string> names, uint permissions, ReadOnlySpan<byte> content)
    {
        uint inode = ++_lastInode;
        for (int i = 0; i < names.Count; i++)
        {
            ReadOnlySpan<byte> data = i == names.Count - 1 ? content : [];
            Entry(names[i], Mode(FileKind.Regular, permissions), inode, (uint)names.Count, data);
        }
    }

    /// <summary>The entry without which an archive counts as cut off.</summary>
    public void End() => Entry("TRAILER!!!", 0, 0, 1, []);

    private void Entry(
        string name, uint mode, uint inode, uint links, ReadOnlySpan<byte> content, uint major = 0, uint minor = 0)
    {
        byte[] path = Encoding.UTF8.GetBytes(name + '\0');
        var header = new StringBuilder(Magic, HeaderSize);
        ReadOnlySpan<uint> fields =
        [
            inode, mode, 0, 0, links, 0, (uint)content.Length, 0, 0, major, minor, (uint)path.Length, 0,
        ];
        foreach (uint field in fields) header.Append(field.ToString("x8"));
        Write(Encoding.ASCII.GetBytes(header.ToString()));
        Write(path);
        Pad();
        Write(content);
        Pad();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        _written += bytes.Length;
    }

    private void Pad()
    {
        ReadOnlySpan<byte> zeros = [0, 0, 0];
        Write(zeros[..(int)(-_written & 3)]);
    }

    private static uint Mode(FileKind kind, uint permissions) => (uint)kind | permissions;
}
