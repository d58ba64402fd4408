using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Handles;
using Runcvm.Fuse.Locks;
using Runcvm.Fuse.Nodes;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.FileCalls;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Fuse;

/// <summary>
/// Serves a folder or a single file of the host by the FUSE protocol; one server is one mount in the guest. The protocol's
/// reference is the kernel's include/uapi/linux/fuse.h.
/// </summary>
/// <remarks>
/// The guest is hostile. Nothing outside the root can be named: every node is found from its folder's descriptor by one
/// checked component, links are never followed here, and a node is opened for use only by its O_PATH descriptor and if it is a
/// regular file or a folder. Permissions are the guest's kernel's to check: it mounts with <c>default_permissions</c>.
/// The process's umask becomes 0, because modes are the guest's.
/// </remarks>
public sealed partial class FileServer : IDisposable
{
    /// <summary>The most data in one request or reply.</summary>
    public const int MostData = 1024 * 1024;

    /// <summary>The longest request: the data of FUSE_WRITE and its headers, or an extended attribute and its name.</summary>
    public const int MaxRequest = MostData + 4096;

    /// <summary>The longest reply.</summary>
    public const int MaxReply = MostData + ReplyHeader.Size;

    // From here on copying alone takes longer than it takes to wake a thread.
    private const int MuchData = 128 * 1024;

    // Room that every reply without data of variable length fits into.
    private const int SmallReply = 256;
    private const int NoReply = int.MinValue;

    // What the process keeps for itself of its descriptors, but a quarter of them at most: sockets for the guest's questions to nameservers,
    // connections, disks, the machine.
    private const long ReservedDescriptors = 4096;

    // Each holds a part of the host kernel's memory, and to find a node again costs little.
    private const int MostDescriptors = 32768;
    private const int FewestDescriptors = 64;

    private readonly CachePolicy _cache;
    private readonly Action<ReadOnlyMemory<byte>> _later;
    private readonly NodeTable _nodes;
    private readonly HandleTable _handles;
    private readonly InodeNumbers _inodes;
    private readonly long _mostDescriptors;

    /// <summary>Opens the root.</summary>
    /// <param name="root">a folder or a single file</param>
    /// <param name="cache">how long the guest's kernel may believe what it was told</param>
    /// <param name="limit">one for all servers of a guest</param>
    /// <param name="later">takes replies that could not be given at once (to FUSE_SETLKW, which waits for a lock), each
    /// exactly as it is to be written to /dev/fuse; called on other threads, never while a lock of this class is held</param>
    /// <param name="sharers">servers like this one in this process, among which descriptors are divided</param>
    /// <exception cref="LinuxException">the path cannot be opened</exception>
    public FileServer(SharedRoot root, CachePolicy cache, NodeLimit limit, Action<ReadOnlyMemory<byte>> later, int sharers = 1)
        : this([root], false, cache, limit, later, sharers)
    {
    }

    /// <summary>Opens several roots, which one mount serves: in its root folder, which is nowhere on the host, each has its
    /// place in the list as its name.</summary>
    /// <param name="roots">folders and single files</param>
    /// <param name="cache">how long the guest's kernel may believe what it was told</param>
    /// <param name="limit">as in the other constructor</param>
    /// <param name="later">as in the other constructor</param>
    /// <exception cref="LinuxException">a path cannot be opened</exception>
    public FileServer(IReadOnlyList<SharedRoot> roots, CachePolicy cache, NodeLimit limit, Action<ReadOnlyMemory<byte>> later)
        : this(roots, true, cache, limit, later, 1)
    {
    }

    private FileServer(IReadOnlyList<SharedRoot> roots, bool below, CachePolicy cache, NodeLimit limit, Action<ReadOnlyMemory<byte>> later, int sharers)
    {
        _cache = cache;
        _later = later;
        _rootsAreBelow = below;
        long descriptors = CurrentProcess.RaiseOpenFiles();
        _mostDescriptors = descriptors - Math.Min(ReservedDescriptors, descriptors / 4);
        // The other half is for what the guest has open.
        int forNodes = (int)Math.Clamp(_mostDescriptors / 2 / sharers, FewestDescriptors, MostDescriptors);
        _nodes = new NodeTable(below ? NodeTable.RootId + 1 : NodeTable.RootId, forNodes, (nint)_mostDescriptors, limit);
        _handles = new HandleTable(_nodes);
        try
        {
            for (int i = 0; i < roots.Count; i++) Open((uint)i, roots[i]);
        }
        catch
        {
            _nodes.Dispose();
            throw;
        }

        Node.SetUmask(0);
        _inodes = new InodeNumbers(_nodes.Roots[0].Key.Device);
        _waiting = new WaitingLocks(AnswerLater);
    }

    /// <summary>Whether each request is made in the name of its caller, as far as this process may take it
    /// (<see cref="CallerIdentity"/>). Else the process passes over owners and modes, and gives what it makes to the
    /// caller.</summary>
    public bool ActsAsCaller { get; init; }

    /// <summary>Whether the (first) root is a folder; else the guest mounts on a file, with rootmode=100000.</summary>
    public bool IsFolder => _nodes.Roots[0].Kind == FileKind.Directory;

    /// <summary>Nodes that the guest's kernel knows at present.</summary>
    public int Nodes => _nodes.Count;

    /// <summary>Those of them that have a descriptor at present.</summary>
    public int NodeDescriptors => _nodes.Descriptors;

    /// <summary>Files and folders that the guest has open at present.</summary>
    public int OpenHandles => _handles.Count;

    /// <summary>Requests that wait for a lock at present.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>FUSE_SETLKW: <see cref="Handle"/> may return 0 for it, and the answer come later.</summary>
    public const uint WaitForLock = (uint)Opcode.Setlkw;

    /// <summary>Whether a request is the word that another is to be given up (FUSE_INTERRUPT).</summary>
    /// <param name="request">header and body</param>
    public static bool IsInterrupt(ReadOnlySpan<byte> request)
        => MemoryMarshal.TryRead(request, out RequestHeader header) && header.Opcode == Opcode.Interrupt;

    /// <summary>Whether a request may wait for a disk, or moves so much data that it takes a while.</summary>
    /// <param name="request">header and body</param>
    public static bool MayTakeLong(ReadOnlySpan<byte> request)
    {
        if (request.Length >= MuchData || !MemoryMarshal.TryRead(request, out RequestHeader header)) return true;
        var body = new RequestBody(request[RequestHeader.Size..]);
        return header.Opcode switch
        {
            Opcode.Read => !body.TryRead(out ReadIn read) || read.Size >= MuchData,
            Opcode.Write => !body.TryRead(out WriteIn write) || (write.Flags & GuestFlags.DataSynchronous) != 0,
            Opcode.Setattr => !body.TryRead(out SetattrIn set) || set.Valid.HasFlag(SetattrValid.Size),
            // An overlay copies the whole file up.
            Opcode.Open => !body.TryRead(out OpenIn open) || IsForWriting(open.Flags),
            // The last name of a large file takes its blocks along.
            Opcode.Unlink or Opcode.Rename or Opcode.Rename2 => true,
            Opcode.Fsync or Opcode.Fsyncdir or Opcode.Syncfs or Opcode.Fallocate or Opcode.CopyFileRange => true,
            _ => false,
        };
    }

    /// <summary>How long the reply to a request can be; what <see cref="Handle"/> needs room for.</summary>
    public static int ReplyRoom(ReadOnlySpan<byte> request)
    {
        if (!MemoryMarshal.TryRead(request, out RequestHeader header)) return SmallReply;
        var body = new RequestBody(request[RequestHeader.Size..]);
        uint size = header.Opcode switch
        {
            Opcode.Read or Opcode.Readdir or Opcode.Readdirplus when body.TryRead(out ReadIn read) => read.Size,
            Opcode.Getxattr or Opcode.Listxattr when body.TryRead(out GetxattrIn attribute) => attribute.Size,
            Opcode.Readlink => 4096,
            _ => 0,
        };
        return ReplyHeader.Size + (int)Math.Clamp(size, SmallReply - ReplyHeader.Size, MostData);
    }

    /// <summary>Handles one request exactly as the kernel wrote it to /dev/fuse. May be called by any number of threads;
    /// file I/O happens on the calling one.</summary>
    /// <param name="request">header and body</param>
    /// <param name="reply">room of at least <see cref="ReplyRoom"/> bytes</param>
    /// <returns>bytes of the reply, exactly what is to be written to /dev/fuse; 0: this request has none (now)</returns>
    /// <exception cref="BrokenRequestException">there is not even a header to answer</exception>
    public int Handle(ReadOnlySpan<byte> request, Span<byte> reply)
    {
        if (!MemoryMarshal.TryRead(request, out RequestHeader header)) throw new BrokenRequestException(request.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(reply.Length, ReplyRoom(request), nameof(reply));
        var answer = new Reply(reply) { Unique = header.Unique };
        int end = request.Length - header.TotalExtlen * 8;
        int error = header.Len != request.Length || end < RequestHeader.Size
            ? Fail(Errno.EINVAL)
            : ActsAsCaller && (header.Uid | header.Gid) != 0 ? DispatchAsCaller(header, new RequestBody(request[RequestHeader.Size..end]), ref answer)
            : Dispatch(header, new RequestBody(request[RequestHeader.Size..end]), ref answer);
        return error == NoReply ? 0 : answer.Finish(error);
    }

    /// <summary>Closes everything, and with that gives up the guest's locks. No request may be under way any more.</summary>
    public void Dispose()
    {
        _waiting.Dispose();
        _handles.Dispose();
        _nodes.Dispose();
        foreach ((SafeFileHandle mount, _) in _mounts.Values) mount.Dispose();
    }

    private void Open(uint number, SharedRoot root)
    {
        SafeFileHandle file = FileDescriptor.Open(root.Path, OpenFlags.Path);
        int error = FileCall.Status(file, out NodeStatus status);
        if (error == 0)
        {
            _nodes.AddRoot(number, file, status, root.ReadOnly, Encoding.UTF8.GetBytes(root.Hidden));
            return;
        }

        file.Dispose();
        throw new LinuxException((Errno)(-error), $"look at {root.Path}");
    }

    private static bool IsHidden(ServedNode folder, ReadOnlySpan<byte> name)
        => folder.Hidden is { Length: > 0 } hidden && name.SequenceEqual(hidden);

    private static int Fail(Errno errno) => -(int)errno;
}
