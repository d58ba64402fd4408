using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mappings;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.VirtioFs;

namespace Runcvm.Fuzz;

/// <summary>A hypervisor's commands. Each piece of the stream begins with two bytes: how many files come with it, and
/// its
/// length.</summary>
internal static class VhostTarget
{
    // All of it is sent before any of it is read.
    private const int MostBytes = 32 * 1024;

    private static readonly SafeFileHandle[] Files =
    [
        SharedMapping.NewFile("fuzz", 64 * 1024), FileDescriptor.Event(), SharedMapping.NewFile("small", 4096),
        FileDescriptor.InMemory("unsealed", new byte[4096]),
    ];

    private static readonly FileServer Server = new(
        [new SharedRoot("/proc/self/fdinfo", ReadOnly: true)], CachePolicy.Auto, new NodeLimit(100), static _ => { });

    internal static void Run(byte[] input)
    {
        CurrentProcess.IgnoreBrokenPipes();
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.Pair();
        using (theirs)
        {
            using (ours) Send(ours, input.AsSpan(0, Math.Min(input.Length, MostBytes)));
            try
            {
                new VhostUserDevice(theirs, new RingServer(Server, static _ => { })).Serve();
            }
            catch (Exception e) when (e is BrokenRingException or LinuxException)
            {
                // The promise: the hypervisor is refused, or gone.
            }
        }
    }

    private static void Send(SafeFileHandle socket, ReadOnlySpan<byte> rest)
    {
        while (rest.Length > 2)
        {
            int length = Math.Min(Math.Max(1, (int)rest[1]), rest.Length - 2);
            int first = (rest[0] >> 4) % Files.Length;
            int count = Math.Min(rest[0] & 3, Files.Length - first);
            UnixSocket.SendWithFiles(socket, rest.Slice(2, length), Files.AsSpan(first, count));
            rest = rest[(2 + length)..];
        }
    }
}
