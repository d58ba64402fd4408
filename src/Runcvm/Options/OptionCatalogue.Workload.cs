using Runcvm.Syntax;

namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    private static Option[] Workload =>
    [
        new("RUNCVM_SYSTEMD", "The workload is systemd: it is PID 1, `/run` and `/run/lock` are on tmpfs, its console goes to `docker logs`, "
            + "`docker stop` shuts it down cleanly.",
            "`auto`: on when the command is `/sbin/init`, `/lib/systemd/systemd` or a link to one",
            (o, text) => o with
            {
                Systemd = text.Value.Equals("auto", StringComparison.OrdinalIgnoreCase) ? null : text.Flag(),
            }),
        new("RUNCVM_INIT", "A small init reaps children in front of the workload, as `--init` does; not in front of systemd, which does that itself.", "off",
            (o, text) => o with { Init = text.Flag() }),
    ];

    internal const string RootFileSystem = "RUNCVM_ROOTFS";

    private static Option[] Storage =>
    [
        new(RootFileSystem, "How the machine gets its root: `share`, the container's own root, where `docker cp`, `diff`, `commit` and `export` work while it runs, "
            + "or `block`, an image of the layers and a disk for what it writes.", "`share`; `block` under Firecracker",
            (o, text) => o with { RootIsShare = text.OneOf("block or share", [("block", false), ("share", true)]) }),
        new("RUNCVM_ROOTFS_SIZE", "Size of the sparse scratch disk, from `64M` to `16T`; the unit must be given. It takes the data folders of nested engines, and with `RUNCVM_ROOTFS=block` "
            + "all that the machine writes.", "10G",
            (o, text) => o with { ScratchSizeBytes = text.Size(64 * ByteSize.Mebi, 16 * ByteSize.Tebi, plainUnit: null) }),
        new("RUNCVM_DISKS", "Disks in backing files, `src,dst,fs[,size];…`: the file `src` of a volume becomes a disk with the file system `ext4`, `xfs` or `btrfs`, mounted at `dst`.", "none",
            (o, text) => o with { Disks = DiskRequest.ReadAll(text) }),
        new("RUNCVM_SHARE_SOCKETS", "Unix sockets that are mounted (`-v /var/run/docker.sock:/var/run/docker.sock`) are forwarded to the host's instead of refused.", "off",
            (o, text) => o with { SharesSockets = text.Flag() }) { NeedsAllow = true },
        new("RUNCVM_SHARE_CACHE", "How long the machine believes what it knows of volumes and bind mounts: `auto` (a second), `none` (it asks every "
            + "time) or `always` (nobody else changes them).", "`auto`", ReadShareCache),
        new("RUNCVM_VIRTIOFSD_CACHE", "Older name of `RUNCVM_SHARE_CACHE`.", "`auto`", ReadShareCache),
    ];

    private static Option[] Inside =>
    [
        new("RUNCVM_LOG_LEVEL", "What RunCVM itself writes to the container's log (stderr): `OFF`, `ERROR`, `INFO` or `DEBUG`. "
            + "Why a run itself failed is told at each.", "`ERROR`",
            (o, text) => o with
            {
                LogLevel = text.OneOf("OFF, ERROR, INFO or DEBUG",
                [
                    ("OFF", LogLevel.Off), ("ERROR", LogLevel.Error), ("INFO", LogLevel.Info), ("DEBUG", LogLevel.Debug),
                ]),
            }),
        MeansDebug("RUNCVM_RUNTIME_DEBUG"),
        MeansDebug("RUNCVM_QEMU_DEBUG"),
        MeansDebug("RUNCVM_BIOS_DEBUG"),
        new("RUNCVM_BREAK", "With `preinit` a shell of the image's (`/bin/sh`) runs in the workload's place first, as its user and with its terminal (`docker run -it`); "
            + "when it ends, the workload begins.", "`none`",
            (o, text) => o with { Break = IsBeforeInit(text) }),
        new(StrictName, "An unknown `RUNCVM_*` name is an error; with `0` it is a warning.", "on", (o, text) => text.Flag() ? o : o),
    ];

    private static RequestedOptions ReadShareCache(RequestedOptions o, OptionText text) => o with
    {
        ShareCache = text.OneOf("auto, none or always", [("auto", ShareCache.Auto), ("none", ShareCache.None), ("always", ShareCache.Always)]),
    };

    private static bool IsBeforeInit(OptionText text)
        => text.OneOf<bool?>("preinit or none", [("none", false), ("preinit", true), ("prenet", null), ("postnet", null), ("premachine", null)])
            ?? throw new UsageException($"{text.Name}={text.Value} was a place in the scripts by which older systems made a machine inside the container, of which there are none here; preinit is before the workload");

    private static Option MeansDebug(string name)
        => new(name, "The same as `RUNCVM_LOG_LEVEL=DEBUG`.", "off", (o, text) => o with { Debug = text.Flag() || o.Debug });
}
