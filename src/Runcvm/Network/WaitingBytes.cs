namespace Runcvm.Network;

/// <summary>How much waits for a guest that does not take it, of all places together. Used on one thread.</summary>
/// <param name="most">bytes that may wait</param>
internal sealed class WaitingBytes(long most)
{
    private long _waiting;

    /// <summary>False where it would be too much.</summary>
    internal bool TryAdd(int length)
    {
        if (_waiting + length > most) return false;
        _waiting += length;
        return true;
    }

    internal void Remove(int length) => _waiting -= length;
}
