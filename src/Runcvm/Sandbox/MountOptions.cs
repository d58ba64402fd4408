using Runcvm.Linux.Mounts;

namespace Runcvm.Sandbox;

/// <summary>Mount options as the OCI specification lists them, split into flags and data.</summary>
internal static class MountOptions
{
    /// <summary>Of a file system in memory: it begins with what the image has there. Of runc, not of mount(8).</summary>
    internal const string CopyUp = "tmpcopyup";

    private static readonly Dictionary<string, MountFlags> Flags = new()
    {
        ["ro"] = MountFlags.ReadOnly,
        ["nosuid"] = MountFlags.NoSuid,
        ["nodev"] = MountFlags.NoDev,
        ["noexec"] = MountFlags.NoExec,
        ["sync"] = MountFlags.Synchronous,
        ["dirsync"] = MountFlags.DirSync,
        ["noatime"] = MountFlags.NoAtime,
        ["nodiratime"] = MountFlags.NoDirAtime,
        ["relatime"] = MountFlags.RelAtime,
        ["strictatime"] = MountFlags.StrictAtime,
    };

    // Opposites of the flags, which take a flag back, and propagation, which means nothing across two kernels.
    private static readonly HashSet<string> WithoutEffect =
    [
        "rw", "suid", "dev", "exec", "async", "atime", "diratime", "norelatime", "nostrictatime", "defaults", "private", "rprivate",
        "shared", "rshared", "slave", "rslave", "unbindable", "runbindable", CopyUp, "bind", "rbind",
    ];

    internal static (MountFlags Flags, string Data) Split(IEnumerable<string> options)
    {
        var flags = MountFlags.None;
        var data = new List<string>();
        foreach (string option in options)
        {
            if (Flags.TryGetValue(option, out MountFlags flag)) flags |= flag;
            else if (WithoutEffect.Contains(option)) flags &= ~Opposite(option);
            else data.Add(option);
        }

        return (flags, string.Join(',', data));
    }

    private static MountFlags Opposite(string option) => option switch
    {
        "rw" => MountFlags.ReadOnly,
        "suid" => MountFlags.NoSuid,
        "dev" => MountFlags.NoDev,
        "exec" => MountFlags.NoExec,
        "async" => MountFlags.Synchronous,
        "atime" => MountFlags.NoAtime,
        "diratime" => MountFlags.NoDirAtime,
        "norelatime" => MountFlags.RelAtime,
        "nostrictatime" => MountFlags.StrictAtime,
        _ => MountFlags.None,
    };
}
