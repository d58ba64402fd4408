namespace Runcvm.Fuse.Handles;

/// <summary>Use of an open handle for the length of one request; a release at the same time waits for its end.</summary>
internal readonly struct HandleLease<T> : IDisposable
    where T : OpenHandle
{
    internal HandleLease(T handle)
    {
        bool held = false;
        handle.File.DangerousAddRef(ref held);
        Handle = handle;
    }

    /// <summary>The handle, or null: there is none of that number and kind.</summary>
    internal T? Handle { get; }

    public void Dispose() => Handle?.File.DangerousRelease();
}
