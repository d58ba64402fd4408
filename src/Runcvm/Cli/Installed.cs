
namespace Runcvm.Cli;

/// <summary>Where the parts of an installation lie: beside this program, in ../lib/runcvm.</summary>
internal static class Installed
{
    /// <summary>This program's own file.</summary>
    internal static string Program => Environment.ProcessPath ?? throw new UsageException("/proc is not mounted");

    internal static string GuestInit => Path.Combine(Library, "runcvm-init");

    internal static string Kernels => Path.Combine(Library, "kernels");

    internal const string InitramfsCache = "/var/lib/runcvm/initramfs";

    private static string Library => Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Program))!, "lib", "runcvm");

    /// <summary>The empty root of every sandbox.</summary>
    internal static string Skeleton() => Path.Combine(Library, "sandbox");
}
