using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;

namespace Runcvm.Fuse.Wire;

/// <summary>What follows a request's header, read from front to back.</summary>
internal ref struct RequestBody(ReadOnlySpan<byte> bytes)
{
    /// <summary>What has not been read yet.</summary>
    internal ReadOnlySpan<byte> Rest { get; private set; } = bytes;

    /// <summary>Reads a struct; false where the request ends before it does.</summary>
    internal bool TryRead<T>(out T value)
        where T : unmanaged
    {
        if (!MemoryMarshal.TryRead(Rest, out value)) return false;
        Rest = Rest[Unsafe.SizeOf<T>()..];
        return true;
    }

    /// <summary>Reads a directory entry's name with its final zero.</summary>
    /// <returns>0, or a negative errno</returns>
    internal int Read(out EntryName name)
    {
        int length = EntryName.Read(Rest, out name);
        if (length < 0) return length;
        Rest = Rest[length..];
        return 0;
    }

    /// <summary>Reads any text up to and with its final zero.</summary>
    internal int ReadText(out ReadOnlySpan<byte> terminated)
    {
        int end = Rest.IndexOf((byte)0);
        terminated = end < 0 ? default : Rest[..(end + 1)];
        if (end <= 0) return -(int)Errno.EINVAL;
        Rest = Rest[(end + 1)..];
        return 0;
    }
}
