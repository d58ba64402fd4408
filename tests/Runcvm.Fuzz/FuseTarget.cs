using System.Runtime.InteropServices;
using Runcvm.Fuse;
using Runcvm.Fuse.Wire;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Fuzz;

/// <summary>Requests of a guest's kernel, or of who took its place, to a file server of a folder in memory. Each begins
/// with three bytes: operation, node, length.</summary>
internal static class FuseTarget
{
    private const int MostRequests = 64;
    private const string Secret = "what lies outside";

    private static readonly string Place = MakePlace();
    private static readonly string Root = Path.Combine(Place, "root");
    private static readonly byte[] Reply = new byte[FileServer.MaxReply];

    internal static void Run(byte[] input)
    {
        Fill();
        using (var server = new FileServer(
            new SharedRoot(Root, ReadOnly: false), CachePolicy.Auto, new NodeLimit(100), static _ => { }))
        {
            ReadOnlySpan<byte> rest = input;
            for (int i = 0; i < MostRequests && rest.Length >= 3; i++)
            {
                int length = Math.Min((int)rest[2], rest.Length - 3);
                Ask(server, (Opcode)rest[0], rest[1], (ulong)i, rest.Slice(3, length));
                rest = rest[(3 + length)..];
            }
        }

        if (File.ReadAllText(Path.Combine(Place, "secret")) != Secret) throw new InvalidOperationException(
            "a file outside was changed");
        if (Directory.GetFileSystemEntries(Place).Length != 2) throw new InvalidOperationException(
            "something was made outside");
    }

    private static void Ask(FileServer server, Opcode opcode, ulong node, ulong unique, ReadOnlySpan<byte> body)
    {
        var header = new RequestHeader((uint)(RequestHeader.Size + body.Length), opcode, unique, node, 0, 0, 1, 0, 0);
        byte[] request = [.. MemoryMarshal.AsBytes(new ReadOnlySpan<RequestHeader>(ref header)), .. body];
        FileServer.MayTakeLong(request);
        int length = server.Handle(request, Reply.AsSpan(0, FileServer.ReplyRoom(request)));
        if (Reply.AsSpan(0, length).IndexOf("what lies outside"u8) >= 0) throw new InvalidOperationException(
            "a file outside was read");
    }

    private static void Fill()
    {
        Empty();
        Directory.CreateDirectory(Path.Combine(Root, "b"));
        File.WriteAllText(Path.Combine(Root, "a"), "file");
        File.CreateSymbolicLink(Path.Combine(Root, "c"), "../secret");
    }

    // Names need not be text, so that nothing of .NET's can remove them.
    private static void Empty()
    {
        try
        {
            FolderRemoval.Remove(Place, "root");
        }
        catch (IOException)
        {
            // Deeper than is removed step by step.
            MountPoint.TryDetach(Place);
            MountPlace(Place);
        }
    }

    // In a mount namespace of this thread's own: the file system goes with it, and is small whatever a guest allocates.
    private static string MakePlace()
    {
        string place = Directory.CreateTempSubdirectory("runcvm-fuzz-").FullName;
        CurrentProcess.Unshare(Namespaces.Mount);
        MountPoint.SetPropagation("/", MountFlags.Private | MountFlags.Recursive);
        MountPlace(place);
        return place;
    }

    private static void MountPlace(string place)
    {
        MountPoint.Add("tmpfs", place, "tmpfs", data: "size=4m,nr_inodes=500");
        File.WriteAllText(Path.Combine(place, "secret"), Secret);
    }
}
