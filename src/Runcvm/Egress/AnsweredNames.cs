namespace Runcvm.Egress;

/// <summary>Which names have led a machine to which addresses: the last of them, since a guest can ask for any
/// number.</summary>
internal sealed class AnsweredNames
{
    internal const int Most = 4096;

    private readonly Dictionary<(string Name, AddressPrefix Address), LinkedListNode<Answer>> _known = [];
    private readonly LinkedList<Answer> _order = new();

    /// <summary>The oldest first.</summary>
    internal IEnumerable<Answer> All => _order;

    internal void Add(Answer answer)
    {
        if (_known.Remove((answer.Name, answer.Address), out LinkedListNode<Answer>? old)) _order.Remove(old);
        _known.Add((answer.Name, answer.Address), _order.AddLast(answer));
        if (_order.First is not { } first || _order.Count <= Most) return;
        _known.Remove((first.Value.Name, first.Value.Address));
        _order.RemoveFirst();
    }

    /// <summary>An answer that passed.</summary>
    /// <param name="Name">that was asked for</param>
    /// <param name="Address">to which it led</param>
    /// <param name="Expiry">nanoseconds of CLOCK_MONOTONIC</param>
    internal sealed record Answer(string Name, AddressPrefix Address, long Expiry);
}
