using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Wire;

namespace Runcvm.FileServing;

/// <summary>Roots that the file server takes while it serves others, and gives up again: those of a pod's containers.
/// The supervisor says them one after the other, u8 what, u8 read-only, u32 number, with a file for one that comes;
/// each is answered by an i32, 0 or an errno, and the next is said after the answer.</summary>
internal sealed class PassingRoots(EventLoop loop, SafeFileHandle socket) : IDisposable
{
    private const byte Add = 1;
    private const byte Remove = 2;
    private const int WordSize = 6;

    private readonly AsyncFile _socket = AsyncFile.NonBlocking(loop, socket);

    /// <summary>Has one more root served. The guest may be told of it afterwards.</summary>
    /// <exception cref="LinuxException">it cannot be</exception>
    internal Task AddAsync(uint number, bool readOnly, SafeFileHandle tree) => AskAsync(Add, readOnly, number, tree);

    /// <summary>Has a root served no longer.</summary>
    internal Task RemoveAsync(uint number) => AskAsync(Remove, false, number, null);

    public void Dispose() => _socket.Dispose();

    private async Task AskAsync(byte what, bool readOnly, uint number, SafeFileHandle? tree)
    {
        byte[] word = new byte[WordSize];
        word[0] = what;
        word[1] = readOnly ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32LittleEndian(word.AsSpan(2), number);
        if (tree != null) UnixSocket.SendWithFiles(_socket.Handle, word, [tree]);
        else await _socket.WriteAsync(word);
        byte[] answer = new byte[sizeof(int)];
        for (int got = 0; got < answer.Length;)
        {
            int n = await _socket.ReadAsync(answer.AsMemory(got));
            if (n == 0) throw new LinuxException(Errno.EPIPE, "ask the file server");
            got += n;
        }

        var errno = (Errno)BinaryPrimitives.ReadInt32LittleEndian(answer);
        if (errno != Errno.None) throw new LinuxException(errno, "serve the files of a container");
    }

    /// <summary>The file server's side: until the supervisor closes the socket.</summary>
    /// <exception cref="WireFormatException">what comes is no word of a root</exception>
    internal static void Serve(SafeFileHandle socket, FileServer server)
    {
        byte[] word = new byte[WordSize];
        byte[] answer = new byte[sizeof(int)];
        while (TryReceive(socket, word, out SafeFileHandle? tree))
        {
            BinaryPrimitives.WriteInt32LittleEndian(answer, (int)Carry(word, tree, server));
            FileDescriptor.WriteAll(socket, answer);
        }
    }

    private static Errno Carry(byte[] word, SafeFileHandle? tree, FileServer server)
    {
        uint number = BinaryPrimitives.ReadUInt32LittleEndian(word.AsSpan(2));
        try
        {
            if (tree != null) server.AddRoot(number, tree, word[1] != 0);
            else server.RemoveRoot(number);
            return Errno.None;
        }
        catch (LinuxException e)
        {
            return e.Errno;
        }
    }

    private static bool TryReceive(SafeFileHandle socket, byte[] word, out SafeFileHandle? tree)
    {
        var files = new List<SafeFileHandle>();
        int got = UnixSocket.TryReceiveWithFiles(socket, word, files);
        tree = files.Count == 1 ? files[0] : null;
        if (got <= 0) return false;
        int expected = word[0] == Add ? 1 : 0;
        if (got == WordSize && word[0] is Add or Remove && files.Count == expected) return true;
        foreach (SafeFileHandle file in files) file.Dispose();
        throw new WireFormatException($"a word of {got} bytes and {files.Count} files about a root");
    }
}
