namespace Runcvm.Fuse;

/// <summary>How long the guest's kernel may believe what it was told of names, attributes and data.</summary>
public enum CachePolicy
{
    /// <summary>One second; data is read again when a file was changed since it was opened last.</summary>
    Auto,
    /// <summary>Not at all: what the host changes is seen at once.</summary>
    None,
    /// <summary>A day: for folders that nobody else changes.</summary>
    Always,
}
