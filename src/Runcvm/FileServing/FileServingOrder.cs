using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.FileServing;

/// <summary>What the file server is to serve: the first message to it, and the only one that is more than a
/// file.</summary>
internal sealed record FileServingOrder : IWireValue<FileServingOrder>
{
    /// <summary>More than any number of mounts comes to.</summary>
    private const int MostBytes = 16 * 1024 * 1024;

    /// <summary>bytes of the guest's memory, by which the files that it may have remembered are counted</summary>
    internal required long MemoryBytes { get; init; }

    /// <summary>how long the guest may believe what it knows</summary>
    internal required CachePolicy Cache { get; init; }

    /// <summary>who it is to the host's files</summary>
    internal required FileServerIdentity Identity { get; init; }

    /// <summary>in the order of their numbers, as the file server sees them</summary>
    internal required IReadOnlyList<SharedRoot> Roots { get; init; }

    internal static FileServingOrder Of(MachineDescription description) => new()
    {
        MemoryBytes = description.Hardware.MemoryBytes,
        Cache = (CachePolicy)description.ShareCache,
        Identity = description.FileServer,
        // The folder of the shares is the file server's root.
        Roots = [.. description.Shares.Select(static share => new SharedRoot(share.Path[Share.Folder.Length..], share.ReadOnly, share.Hidden))],
    };

    /// <summary>Writes it with its length in front.</summary>
    internal void Send(SafeFileHandle socket) => SizedMessage.Send(socket, this);

    /// <summary>Reads exactly the order: what follows has a file with it.</summary>
    /// <exception cref="WireFormatException">it is none</exception>
    internal static FileServingOrder Receive(SafeFileHandle socket)
    {
        FileServingOrder order = SizedMessage.Receive<FileServingOrder>(socket, MostBytes);
        return order.MemoryBytes >= 0 && order.Cache <= CachePolicy.Always && order.Roots.Count > 0 ? order
            : throw new WireFormatException("an order that cannot be carried out");
    }

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Int64(MemoryBytes);
        w.Byte((byte)Cache);
        Identity.Write(w);
        w.List(Roots, static (w, root) =>
        {
            w.Text(root.Path);
            w.Flag(root.ReadOnly);
            w.Text(root.Hidden);
        });
    }

    /// <inheritdoc/>
    public static FileServingOrder Read(ref WireReader r) => new()
    {
        MemoryBytes = r.Int64(),
        Cache = (CachePolicy)r.Byte(),
        Identity = FileServerIdentity.Read(ref r),
        Roots = r.List(static (ref WireReader r) => new SharedRoot(r.Text(), r.Flag(), r.Text())),
    };
}
