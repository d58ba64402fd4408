using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>`runcvm create` to a pod's supervisor: a container that the pod is to have. With it comes an open file for
/// each share. The connection is the container's from then on: who holds its other end can start it, signal it, and by
/// closing it end it, and nothing else.</summary>
/// <param name="Key">what the host calls it</param>
/// <param name="Container">what it is; shares are places in the list, from 1 on</param>
/// <param name="Shares">whether the container has each for reading only</param>
public sealed record JoinPod(string Key, ContainerSetup Container, IReadOnlyList<bool> Shares) : IMessage<JoinPod>
{
    /// <summary>what the host calls the container of the pod whose processes this one is to see; empty is
    /// none</summary>
    public string Target { get; init; } = "";

    /// <summary>Most shares of one container: its root, and a mount for each volume and each file of the
    /// kubelet's.</summary>
    public const int MostShares = 250;

    static MessageKind IMessage<JoinPod>.Kind => MessageKind.JoinPod;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Key);
        Container.Write(w);
        w.List(Shares, static (w, readOnly) => w.Flag(readOnly));
        w.Text(Target);
    }

    /// <inheritdoc/>
    public static JoinPod Read(ref WireReader r)
        => new(r.Text(), ContainerSetup.Read(ref r), r.List(static (ref WireReader r) => r.Flag()))
        {
            Target = r.Text(),
        };
}

/// <summary>`runcvm exec` to a pod's supervisor: a process to run in a container. The connection is the process's from
/// then on.</summary>
/// <param name="Key">what the host calls the container</param>
/// <param name="Process">what to run</param>
public sealed record JoinContainer(string Key, ProcessSpec Process) : IMessage<JoinContainer>
{
    static MessageKind IMessage<JoinContainer>.Kind => MessageKind.JoinContainer;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Key);
        Process.Write(w);
    }

    /// <inheritdoc/>
    public static JoinContainer Read(ref WireReader r) => new(r.Text(), ProcessSpec.Read(ref r));
}
