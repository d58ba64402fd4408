using static Runcvm.FirecrackerDouble.FieldKind;

namespace Runcvm.FirecrackerDouble;

/// <summary>The objects of Firecracker's API, from its published OpenAPI description.</summary>
internal static class Definitions
{
    private static readonly Field[] TokenBucket = [new("one_time_burst", Number), new("refill_time", Number, true), new("size", Number, true)];
    private static readonly Field[] RateLimiter = [new("bandwidth", Thing, Of: TokenBucket), new("ops", Thing, Of: TokenBucket)];

    internal static readonly Field[] Action = [new("action_type", Text, true, ["FlushMetrics", "InstanceStart", "SendCtrlAltDel"])];

    internal static readonly Field[] Balloon =
    [
        new("amount_mib", Number, true), new("deflate_on_oom", Flag, true), new("stats_polling_interval_s", Number), new("free_page_hinting", Flag),
        new("free_page_reporting", Flag),
    ];

    internal static readonly Field[] BalloonUpdate = [new("amount_mib", Number, true)];

    internal static readonly Field[] BalloonStatsUpdate = [new("stats_polling_interval_s", Number, true)];

    internal static readonly Field[] BootSource = [new("kernel_image_path", Text, true), new("initrd_path", Text), new("boot_args", Text)];

    internal static readonly Field[] Drive =
    [
        new("drive_id", Text, true), new("is_root_device", Flag, true), new("partuuid", Text), new("cache_type", Text, false, ["Unsafe", "Writeback"]),
        new("is_read_only", Flag), new("path_on_host", Text), new("rate_limiter", Thing, Of: RateLimiter), new("io_engine", Text, false, ["Sync", "Async"]),
        new("socket", Text),
    ];

    internal static readonly Field[] DriveUpdate = [new("drive_id", Text, true), new("path_on_host", Text), new("rate_limiter", Thing, Of: RateLimiter)];

    internal static readonly Field[] Entropy = [new("rate_limiter", Thing, Of: RateLimiter)];

    internal static readonly Field[] Logger =
    [
        new("level", Text), new("log_path", Text), new("show_level", Flag), new("show_log_origin", Flag), new("module", Text),
    ];

    internal static readonly Field[] MachineUpdate =
    [
        new("vcpu_count", Number), new("mem_size_mib", Number), new("smt", Flag), new("track_dirty_pages", Flag),
        new("huge_pages", Text, false, ["None", "Transparent", "2M"]), new("cpu_template", Text),
    ];

    internal static readonly Field[] Machine = [.. MachineUpdate.Select(static field => field with { Required = field.Name is "vcpu_count" or "mem_size_mib" })];

    internal static readonly Field[] Metrics = [new("metrics_path", Text, true), new("emit_id", Flag), new("properties", Thing)];

    internal static readonly Field[] Network =
    [
        new("iface_id", Text, true), new("host_dev_name", Text, true), new("guest_mac", Text), new("mtu", Number),
        new("rx_rate_limiter", Thing, Of: RateLimiter), new("tx_rate_limiter", Thing, Of: RateLimiter),
    ];

    internal static readonly Field[] NetworkUpdate =
        [new("iface_id", Text, true), new("rx_rate_limiter", Thing, Of: RateLimiter), new("tx_rate_limiter", Thing, Of: RateLimiter)];

    internal static readonly Field[] Serial = [new("serial_out_path", Text), new("rate_limiter", Thing, Of: TokenBucket)];

    internal static readonly Field[] State = [new("state", Text, true, ["Paused", "Resumed"])];

    internal static readonly Field[] Vsock = [new("guest_cid", Number, true), new("uds_path", Text, true), new("vsock_id", Text)];

    /// <summary>The configuration file. Firecracker itself passes over names that it does not know here; a test should not.</summary>
    internal static readonly Field[] File =
    [
        new("boot-source", Thing, true, Of: BootSource), new("drives", List, true, Of: Drive), new("machine-config", Thing, Of: Machine),
        new("network-interfaces", List, Of: Network), new("vsock", Thing, Of: Vsock), new("entropy", Thing, Of: Entropy), new("balloon", Thing, Of: Balloon),
        new("logger", Thing, Of: Logger), new("metrics", Thing, Of: Metrics), new("cpu-config", Text), new("mmds-config", Thing), new("pmem", List),
        new("memory-hotplug", Thing),
    ];
}
