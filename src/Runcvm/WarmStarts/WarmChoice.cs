using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Options;

namespace Runcvm.WarmStarts;

/// <summary>What `create` finds in the store of saved machines.</summary>
/// <param name="File">the machine that this one goes on from, open for reading; null where it boots</param>
/// <param name="Notice">for the log, where there was one that is not used</param>
internal sealed record WarmChoice(SafeFileHandle? File, string? Notice)
{
    private static readonly WarmChoice Cold = new(null, null);

    /// <param name="wish">what the machine's options say</param>
    /// <param name="hasShares">it has files of the host, for which a restored machine has no device</param>
    /// <param name="settings">makes what a machine of these options is restored from; null where there is no
    /// such</param>
    /// <param name="store">where that lies</param>
    internal static WarmChoice Of(
        WarmStart wish, bool hasShares, Func<SavedSettings?> settings, SavedMachineStore store)
    {
        if (wish == WarmStart.Never || (hasShares && wish != WarmStart.Always)) return Cold;
        // Most hosts have none, and shall not pay for the key.
        if (FileStatus.TryOf(store.Folder) == null || settings() is not { } needed) return Cold;
        SafeFileHandle? file = store.TryOpen(needed.Key, out string? fault);
        return new WarmChoice(file, fault == null ? null : $"a saved machine is not used: {fault}; this one boots");
    }
}
