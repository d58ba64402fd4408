using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Sockets;
using Runcvm.Protocol.Wire;

namespace Runcvm.FileServing;

/// <summary>What a file is that the file server gets after its order. Each comes once at most, the stream
/// first.</summary>
internal enum FileServingFile : byte
{
    /// <summary>the stream of the shares, to the guest</summary>
    Stream = 1,

    /// <summary>the vhost-user protocol, to the hypervisor</summary>
    Device = 2,

    /// <summary>roots that come and go while others are served, see <see cref="PassingRoots"/></summary>
    Roots = 3,
}

/// <summary>A message of one byte, which says what the file is that comes with it.</summary>
internal static class FileServingFiles
{
    internal static void Send(SafeFileHandle socket, FileServingFile kind, SafeFileHandle file) => UnixSocket.SendWithFiles(socket, [(byte)kind], [file]);

    /// <summary>The next file, or null when the other side has closed the socket.</summary>
    /// <exception cref="WireFormatException">something else came</exception>
    internal static (FileServingFile Kind, SafeFileHandle File)? Receive(SafeFileHandle socket)
    {
        Span<byte> kind = stackalloc byte[1];
        var files = new List<SafeFileHandle>();
        if (UnixSocket.TryReceiveWithFiles(socket, kind, files) == 0) return null;
        if (files.Count == 1 && (FileServingFile)kind[0] is >= FileServingFile.Stream and <= FileServingFile.Roots)
            return ((FileServingFile)kind[0], files[0]);
        foreach (SafeFileHandle file in files) file.Dispose();
        throw new WireFormatException($"an order of kind {kind[0]} with {files.Count} files");
    }
}
