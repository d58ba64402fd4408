namespace Runcvm.Supervisor;

/// <summary>Who has sent datagrams to the machine, at all its ports. Anybody may send from any number of addresses, and each that is known
/// costs the guest a socket: so of too many the one is forgotten that has been silent longest, as a router does. Used on one thread.</summary>
/// <param name="most">how many may be known</param>
internal sealed class DatagramSenders(int most)
{
    private readonly HashSet<IDatagramSender> _all = [];

    /// <summary>Takes one more, in another's place where there are enough.</summary>
    internal void Add(IDatagramSender sender)
    {
        if (_all.Count >= most) _all.MinBy(static known => known.LastUsed)!.Close();
        _all.Add(sender);
    }

    /// <summary>It has been forgotten.</summary>
    internal void Remove(IDatagramSender sender) => _all.Remove(sender);
}

/// <summary>Somebody who has sent a datagram to the machine.</summary>
internal interface IDatagramSender
{
    /// <summary>When something last went to or fro, in milliseconds since the host's start.</summary>
    long LastUsed { get; }

    /// <summary>Forgets it, and takes it out of the <see cref="DatagramSenders"/>.</summary>
    void Close();
}
