using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>How large a machine is: what was asked for, else the container's own limit, else the host's usual size.</summary>
internal static class MachineSize
{
    internal const long LeastMemory = 64 * ByteSize.Mebi;
    internal const long MostMemory = ByteSize.Tebi;

    private const long DefaultMemory = 512 * ByteSize.Mebi;
    private const long DefaultSystemdMemory = ByteSize.Gibi;
    private const int DefaultCpus = 2;

    // The period that cpu.max has as long as nobody writes another one.
    private const long DefaultPeriod = 100_000;

    internal static int Cpus(int? asked, int? usual, HostFacts host, SpecResources resources, List<string> warnings)
    {
        if (asked > host.Cpus)
            warnings.Add($"RUNCVM_CPUS={asked} is more than this host has; the machine gets {host.Cpus}");
        int wanted = asked ?? FromLimit(resources) ?? usual ?? DefaultCpus;
        return Math.Clamp(wanted, 1, host.Cpus);
    }

    internal static long Memory(long? asked, long? usual, bool systemd, SpecResources resources)
    {
        long? limit = Limit(resources.MemoryLimitBytes);
        if (asked > limit)
        {
            throw new UsageException(
                $"RUNCVM_MEM_SIZE={ByteSize.Text(asked.Value)} is more than the container's memory limit of "
                + $"{ByteSize.Text(limit.Value)}, under which the machine would be killed; lower it, or raise the limit (-m)");
        }

        long wanted = asked ?? limit ?? usual ?? (systemd ? DefaultSystemdMemory : DefaultMemory);
        return wanted / ByteSize.Mebi * ByteSize.Mebi;
    }

    private static long? Limit(long? limit)
    {
        // Engines also write "no limit" as the largest number of pages that fits.
        const long Unlimited = long.MaxValue / 2;
        if (limit is null or <= 0 or >= Unlimited) return null;
        if (limit is < LeastMemory or > MostMemory)
        {
            throw new UsageException(
                $"the memory limit (-m) of a machine must be from {ByteSize.Text(LeastMemory)} to {ByteSize.Text(MostMemory)}, "
                + $"not {ByteSize.Text(limit.Value)}");
        }

        return limit;
    }

    private static int? FromLimit(SpecResources resources)
    {
        if (resources.CpuQuota is > 0 and long quota)
        {
            long period = resources.CpuPeriod is > 0 and long given ? given : DefaultPeriod;
            return (int)Math.Min(int.MaxValue, ((quota - 1) / period) + 1);
        }

        if (string.IsNullOrWhiteSpace(resources.CpusetCpus)) return null;
        return CpuSet.TryCount(resources.CpusetCpus) ?? throw new UsageException(
            $"the CPUs of a container (--cpuset-cpus) must be a list such as 0-3,7, "
            + $"not '{new OptionText("", resources.CpusetCpus).Shown}'");
    }
}
