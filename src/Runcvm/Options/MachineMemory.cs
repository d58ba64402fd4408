using System.Globalization;
using Runcvm.Machines;
using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>What a machine's memory is made of, from what was asked for.</summary>
internal static class MachineMemory
{
    private const string HugePagePool = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    private const int HugePageMebibytes = 2;

    internal static int Balloon(Hardware asked, long memory)
    {
        if (asked.BalloonMebibytes == 0) return 0;
        string option = $"RUNCVM_BALLOON_SIZE_MIB={asked.BalloonMebibytes}";
        if (!asked.Balloon) throw new UsageException($"{option} needs the balloon that RUNCVM_ENABLE_BALLOON=0 leaves out; set one of them only");
        long most = Math.Max(0, memory - MachineSize.LeastMemory) / ByteSize.Mebi;
        return asked.BalloonMebibytes <= most
            ? asked.BalloonMebibytes
            : throw new UsageException($"{option} leaves the machine too little of its {ByteSize.Text(memory)}: it needs {ByteSize.Text(MachineSize.LeastMemory)}, so at most {most}");
    }

    internal static bool HugePages(Hardware asked, long memory)
        => !asked.HugePages || memory % (HugePageMebibytes * ByteSize.Mebi) == 0
            ? asked.HugePages
            : throw new UsageException($"RUNCVM_HUGETLB needs memory in whole pages of {HugePageMebibytes} MiB, and the machine has {ByteSize.Text(memory)}; ask for an even number of mebibytes");

    /// <summary>Refuses a machine of huge pages for which the host has too few: a guest that touched the first one missing would
    /// be killed without a word.</summary>
    internal static void CheckHugePages(Hardware hardware, string pool = HugePagePool)
    {
        if (!hardware.HugePages) return;
        long needed = hardware.MemoryBytes / ByteSize.Mebi / HugePageMebibytes;
        long free = File.Exists(pool) ? long.Parse(File.ReadAllText(pool), CultureInfo.InvariantCulture) : 0;
        if (free < needed)
        {
            throw new UsageException(
                $"RUNCVM_HUGETLB needs {needed} free huge pages of {HugePageMebibytes} MiB for {ByteSize.Text(hardware.MemoryBytes)}, and this host has {free}; "
                + "raise vm.nr_hugepages there, or leave the option out");
        }
    }
}
