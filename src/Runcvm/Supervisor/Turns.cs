namespace Runcvm.Supervisor;

/// <summary>A number of turns at something. One who finds none waits, first come, first served. Used on one
/// thread.</summary>
/// <param name="most">at a time</param>
internal sealed class Turns(int most)
{
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _taken;

    /// <summary>A turn that was not taken yet, and need not be.</summary>
    internal Turn NotYet() => new(this);

    private Task TakeAsync()
    {
        if (_taken < most)
        {
            _taken++;
            return Task.CompletedTask;
        }

        var turn = new TaskCompletionSource();
        _waiting.Enqueue(turn);
        return turn.Task;
    }

    // The next one's turn is this one's, so that nobody comes in between.
    private void GiveBack()
    {
        if (_waiting.TryDequeue(out TaskCompletionSource? next)) next.SetResult();
        else _taken--;
    }

    /// <summary>Somebody's turn, until it is disposed.</summary>
    internal sealed class Turn(Turns owner) : IDisposable
    {
        private bool _has;

        internal async Task TakeAsync()
        {
            await owner.TakeAsync();
            _has = true;
        }

        public void Dispose()
        {
            if (!_has) return;
            _has = false;
            owner.GiveBack();
        }
    }
}
