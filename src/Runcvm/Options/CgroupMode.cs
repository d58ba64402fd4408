namespace Runcvm.Options;

/// <summary>What a workload that is not systemd finds mounted under /sys/fs/cgroup.</summary>
internal enum CgroupMode
{
    None,
    V1,
    V2,
    Hybrid,
}
