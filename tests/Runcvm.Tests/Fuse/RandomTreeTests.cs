using System.Text;
using CsCheck;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;

namespace Runcvm.Tests.Fuse;

/// <summary>Any sequence of operations leaves the same tree on a share as on a plain folder.</summary>
public class RandomTreeTests
{
    private static readonly string[] Paths = ["a", "b", "c", "a/a", "a/b", "a/c", "b/a", "b/b", "a/b/a", "a/b/b"];

    private static readonly Gen<(int Kind, string Path, string Other, int Number)[]> Operations =
        Gen.Select(Gen.Int[0, 12], Gen.OneOfConst(Paths), Gen.OneOfConst(Paths), Gen.Int[0, 100_000]).Array[1, 60];

    [Fact]
    public void Random_operations_end_in_the_same_tree()
    {
        using var share = MountedShare.Start();
        int number = 0;
        Operations.Sample(
            operations =>
            {
                string folder = $"run {number++}";
                string plain = Directory.CreateTempSubdirectory("runcvm-plain-").FullName;
                try
                {
                    Directory.CreateDirectory(Path.Combine(share.Guest, folder));
                    string expected = Run(plain, operations);
                    string actual = Run(Path.Combine(share.Guest, folder), operations);
                    // What the guest sees, and what really is there.
                    return expected == actual && Tree(plain) == Tree(Path.Combine(share.Host, folder));
                }
                finally
                {
                    Directory.Delete(plain, recursive: true);
                }
            },
            iter: 60,
            threads: 1);
        share.UntilAllIsClosed();
    }

    private static string Run(string root, (int Kind, string Path, string Other, int Number)[] operations)
    {
        using var run = new PosixRun(root);
        foreach ((int kind, string path, string other, int number) in operations) Apply(run, kind, path, other, number);
        return run.Protocol + Tree(root);
    }

    private static void Apply(PosixRun run, int kind, string path, string other, int number)
    {
        switch (kind)
        {
            case 0: run.Mkdir(path, (uint)number & 0x1FF | 0x1C0); break;
            case 1: run.Make(path, new string((char)('a' + number % 26), number % 9000)); break;
            case 2: run.Rename(path, other); break;
            case 3: run.Rename(path, other, (uint)number % 3); break;
            case 4: run.Unlink(path); break;
            case 5: run.Rmdir(path); break;
            case 6: run.Link(path, other); break;
            case 7: run.Symlink(other, path); break;
            case 8: run.Chmod(path, (uint)number & 0xFFF | 0x180); break;
            case 9: run.Chown(path, (uint)number % 5, (uint)number % 7); break;
            case 10: run.Resize(path, number); break;
            case 11: run.SetAttribute(path, $"user.{number % 3}", Encoding.ASCII.GetBytes($"{number}")); break;
            case 12: run.Mknod(path, number % 2 == 0 ? FileKind.Fifo : FileKind.Socket, (uint)number & 0x1FF); break;
        }
    }

    private static string Tree(string root)
    {
        var text = new StringBuilder();
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false };
        using var run = new PosixRun(root);
        foreach (string path in Directory.EnumerateFileSystemEntries(root, "*", options).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(root, path);
            run.Stat(name);
            run.ListAttributes(name);
            NodeStatus status = run.StatusOf(name);
            if (status.Kind == FileKind.Link) run.Readlink(name);
            if (status.Kind == FileKind.Regular) run.Note(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))));
        }

        return text.Append(run.Protocol).ToString();
    }
}
