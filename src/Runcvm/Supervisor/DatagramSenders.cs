namespace Runcvm.Supervisor;

/// <summary>Who has sent datagrams to the machine, at all its ports. Anybody may send from any number of addresses, and each that is known
/// costs the guest a socket: so of too many the one is forgotten that has been silent longest, as a router does. Used on one thread.</summary>
/// <param name="most">how many may be known</param>
internal sealed class DatagramSenders(int most)
{
    private readonly HashSet<IDatagramSender> _all = [];

    /// <summary>Makes room for one more, where there are enough by forgetting another one. False where that is not
    /// possible: the guest has not been told of any yet. One of which it is being told cannot be taken back, so a guest
    /// that does not read has no more of them.</summary>
    internal bool TryMakeRoom()
    {
        if (_all.Count < most) return true;
        IDatagramSender? silent = _all.Where(static known => known.IsAnnounced).MinBy(static known => known.LastUsed);
        silent?.Close();
        return silent != null;
    }

    /// <summary>Takes one more, for which there is room.</summary>
    internal void Add(IDatagramSender sender) => _all.Add(sender);

    /// <summary>It has been forgotten.</summary>
    internal void Remove(IDatagramSender sender) => _all.Remove(sender);
}

/// <summary>Somebody who has sent a datagram to the machine.</summary>
internal interface IDatagramSender
{
    /// <summary>When something last went to or fro, in milliseconds since the host's start.</summary>
    long LastUsed { get; }

    /// <summary>Whether the guest has been told of it.</summary>
    bool IsAnnounced { get; }

    /// <summary>Forgets it, and takes it out of the <see cref="DatagramSenders"/>.</summary>
    void Close();
}
