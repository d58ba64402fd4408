using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Runcvm.Fuse;
using Runcvm.Fuse.Wire;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Fuse;

/// <summary>A guest that sends what it likes, from several threads, while the host swaps folders for links: the server
/// answers or refuses, stays within its root and lets go of everything in the end. RUNCVM_FUZZ_SECONDS makes it longer.</summary>
[Collection(nameof(PosixTests))]
public class HostileGuestTests
{
    private const int Nodes = 500;
    private const string Secret = "what lies outside of the root";

    // Sizes of the structs in front of the names.
    private static readonly (Opcode Opcode, int Size)[] Operations =
    [
        (Opcode.Lookup, 0), (Opcode.Lookup, 0), (Opcode.Lookup, 0), (Opcode.Forget, 8), (Opcode.Getattr, 16), (Opcode.Setattr, 88),
        (Opcode.Readlink, 0), (Opcode.Symlink, 0), (Opcode.Mknod, 16), (Opcode.Mkdir, 8), (Opcode.Unlink, 0), (Opcode.Rmdir, 0),
        (Opcode.Rename, 8), (Opcode.Link, 8), (Opcode.Open, 8), (Opcode.Open, 8), (Opcode.Read, 40), (Opcode.Write, 40), (Opcode.Statfs, 0),
        (Opcode.Release, 24), (Opcode.Release, 24), (Opcode.Fsync, 16), (Opcode.Setxattr, 16), (Opcode.Getxattr, 8), (Opcode.Listxattr, 8),
        (Opcode.Removexattr, 0), (Opcode.Flush, 24), (Opcode.Init, 64), (Opcode.Opendir, 8), (Opcode.Readdir, 40), (Opcode.Readdirplus, 40),
        (Opcode.Releasedir, 24), (Opcode.Fsyncdir, 16), (Opcode.Getlk, 48), (Opcode.Setlk, 48), (Opcode.Setlkw, 48), (Opcode.Access, 8),
        (Opcode.Create, 16), (Opcode.Create, 16), (Opcode.Interrupt, 8), (Opcode.Bmap, 16), (Opcode.Ioctl, 32), (Opcode.Poll, 24),
        (Opcode.BatchForget, 24), (Opcode.Fallocate, 32), (Opcode.Rename2, 16), (Opcode.Lseek, 24), (Opcode.CopyFileRange, 56),
        (Opcode.Tmpfile, 16), ((Opcode)99, 8),
    ];

    private static readonly string[] Names =
    [
        "a", "b", "c", "folder", "swap", "out", "secret", ".", "..", "", "a/b", "../outside/secret", "/etc/passwd", new string('n', 255),
        new string('n', 256), "user.x", "system.posix_acl_access", "security.capability",
    ];

    private readonly ConcurrentQueue<string> _findings = [];
    private readonly ulong[] _handles = new ulong[64];
    private readonly ulong[] _nodes = new ulong[64];

    [Fact]
    public void Whatever_a_guest_sends_stays_within_the_root_and_leaks_nothing()
    {
        if (!CurrentProcess.IsRoot) Assert.Skip("mounting needs root");
        double seconds = double.Parse(Environment.GetEnvironmentVariable("RUNCVM_FUZZ_SECONDS") ?? "4", CultureInfo.InvariantCulture);
        string place = Directory.CreateTempSubdirectory("runcvm-fuzz-").FullName;
        string root = Directory.CreateDirectory(Path.Combine(place, "root")).FullName;
        string outside = Directory.CreateDirectory(Path.Combine(place, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "secret"), Secret);
        // A file system of its own, so that a guest that allocates terabytes fills no disk.
        MountPoint.Add("tmpfs", root, "tmpfs", data: "size=16m,nr_inodes=2000");
        try
        {
            Directory.CreateDirectory(Path.Combine(root, "folder"));
            File.CreateSymbolicLink(Path.Combine(root, "out"), outside);
            int before = Directory.GetFiles("/proc/self/fd").Length;
            using (var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds)))
            using (var server = new FileServer(new SharedRoot(root, ReadOnly: false), CachePolicy.Auto, new NodeLimit(Nodes), static _ => { }))
            {
                Thread[] threads = [.. Enumerable.Range(0, 3).Select(seed => new Thread(() => Attack(server, seed, end.Token))), new Thread(() => Swap(root, outside, end.Token))];
                foreach (Thread thread in threads) thread.Start();
                foreach (Thread thread in threads) Assert.True(thread.Join(TimeSpan.FromSeconds(seconds + 60)), "a request never ended");
                // The root, and one more for each thread that found room at the same time.
                Assert.InRange(server.Nodes, 1, Nodes + threads.Length);
            }

            Assert.Empty(_findings);
            // Others of this process may have opened or closed a few meanwhile; a leak of this many requests is of thousands.
            Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before + 20);
            Assert.Equal([Path.Combine(outside, "secret")], Directory.GetFileSystemEntries(outside));
            Assert.Equal(Secret, File.ReadAllText(Path.Combine(outside, "secret")));
        }
        finally
        {
            MountPoint.Remove(root, detach: true);
            Directory.Delete(place, recursive: true);
        }
    }

    private void Attack(FileServer server, int seed, CancellationToken end)
    {
        var random = new Random(seed);
        byte[] request = new byte[128 * 1024];
        byte[] reply = new byte[FileServer.MaxReply];
        long count = 0;
        while (!end.IsCancellationRequested && _findings.IsEmpty)
        {
            int length = Make(random, request, out Opcode opcode);
            try
            {
                count++;
                int answer = server.Handle(request.AsSpan(0, length), reply);
                if (answer > 0) Check(opcode, request.AsSpan(0, length), reply.AsSpan(0, answer), random);
            }
            catch (BrokenRequestException) when (length < RequestHeader.Size)
            {
                // As documented.
            }
            catch (Exception e)
            {
                _findings.Enqueue($"seed {seed}, request {count}, {opcode}: {e}");
            }
        }
    }

    private void Check(Opcode opcode, ReadOnlySpan<byte> request, ReadOnlySpan<byte> reply, Random random)
    {
        int error = BinaryPrimitives.ReadInt32LittleEndian(reply[4..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(reply) != reply.Length) _findings.Enqueue($"{opcode}: a reply's length is wrong");
        if (reply.Length > FileServer.ReplyRoom(request)) _findings.Enqueue($"{opcode}: {reply.Length} bytes are more than the room said");
        if (error is > 0 or < -200) _findings.Enqueue($"{opcode}: {error} is no errno");
        if (opcode is Opcode.Read && reply.IndexOf(Encoding.ASCII.GetBytes(Secret)) >= 0) _findings.Enqueue("the guest read what lies outside");
        if (error != 0 || reply.Length < 24) return;
        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(reply[16..]);
        if (opcode is Opcode.Open or Opcode.Opendir) _handles[random.Next(_handles.Length)] = first;
        if (opcode is Opcode.Lookup or Opcode.Mkdir or Opcode.Mknod or Opcode.Symlink or Opcode.Create or Opcode.Link) _nodes[random.Next(_nodes.Length)] = first;
        if (opcode == Opcode.Create && reply.Length >= 152) _handles[random.Next(_handles.Length)] = BinaryPrimitives.ReadUInt64LittleEndian(reply[144..]);
    }

    private int Make(Random random, byte[] request, out Opcode opcode)
    {
        (opcode, int size) = Operations[random.Next(Operations.Length)];
        int at = RequestHeader.Size;
        for (int end = at + size; at < end; at += 8) BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(at), Value(random));
        for (int names = random.Next(3); names > 0; names--)
        {
            at += Encoding.ASCII.GetBytes(Names[random.Next(Names.Length)], request.AsSpan(at));
            request[at++] = 0;
        }

        if (opcode is Opcode.Write or Opcode.Setxattr) at += random.Next(70000);
        if (random.Next(8) == 0) at = random.Next(at + 8);
        uint length = random.Next(20) == 0 ? (uint)random.Next() : (uint)at;
        var span = request.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(span, length);
        BinaryPrimitives.WriteUInt32LittleEndian(span[4..], (uint)opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(span[8..], (ulong)random.Next(1000));
        BinaryPrimitives.WriteUInt64LittleEndian(span[16..], random.Next(3) == 0 ? 1 : _nodes[random.Next(_nodes.Length)]);
        BinaryPrimitives.WriteUInt32LittleEndian(span[24..], (uint)random.Next(3));
        BinaryPrimitives.WriteUInt32LittleEndian(span[28..], (uint)random.Next(3));
        BinaryPrimitives.WriteUInt32LittleEndian(span[36..], random.Next(30) == 0 ? (uint)random.Next(ushort.MaxValue) : 0);
        for (int flips = random.Next(10) == 0 ? 3 : 0; flips > 0 && at > 0; flips--) request[random.Next(at)] = (byte)random.Next(256);
        return at;
    }

    private ulong Value(Random random) => random.Next(9) switch
    {
        0 => (ulong)random.Next(8),
        1 or 2 or 3 => _handles[random.Next(_handles.Length)],
        4 => _nodes[random.Next(_nodes.Length)],
        5 => (ulong)random.Next(100_000) << 32 | (uint)random.Next(70000),
        6 => ulong.MaxValue >> random.Next(64),
        7 => (ulong)random.NextInt64(),
        _ => (ulong)random.Next(0x10000),
    };

    private static void Swap(string root, string outside, CancellationToken end)
    {
        string swap = Path.Combine(root, "swap");
        while (!end.IsCancellationRequested)
        {
            try
            {
                Directory.CreateDirectory(swap);
                Directory.Delete(swap);
                File.CreateSymbolicLink(swap, outside);
                File.Delete(swap);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The guest renames and deletes as well.
            }
        }
    }
}
