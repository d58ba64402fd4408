using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Modules;

/// <summary>Answers the guest kernel, which executes <c>/sbin/modprobe -q -- NAME</c> when it misses something. So images need
/// no kmod.</summary>
internal static class Modprobe
{
    /// <summary>Loads what is named and everything it needs.</summary>
    /// <returns>the exit code: 0 when one of the modules behind each name is in the kernel</returns>
    public static int Run(string[] args, string? root = null)
    {
        root ??= "/lib/modules/" + File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        bool quiet = false, all = false, names = false, loaded = false;
        var index = new ModuleIndex(root);
        foreach (string arg in args)
        {
            if (!names && arg.StartsWith('-'))
            {
                names = arg == "--";
                quiet |= arg is "-q" or "--quiet";
                all |= arg is "-a" or "--all";
                continue;
            }

            // What follows a single name are parameters, as in modprobe(8); the kernel passes none.
            if (loaded && !all) break;
            if (!Load(index, arg, quiet)) return 1;
            loaded = true;
        }

        return loaded ? 0 : 1;
    }

    private static bool Load(ModuleIndex index, string name, bool quiet)
    {
        List<PlannedModule>? plan = index.Plan(name);
        if (plan is null && !quiet) Console.Error.WriteLine($"modprobe: module {name} not found");
        if (plan is null) return false;
        bool success = plan.Count == 0;
        foreach (PlannedModule module in plan)
        {
            try
            {
                if (!IsLive(module.Name)) Load(module);
                success |= module.Wanted;
            }
            catch (LinuxException failure)
            {
                // What is needed and fails makes those that need it fail; what was only recommended may fail.
                if (!quiet) Console.Error.WriteLine($"modprobe: {failure.Message}");
            }
        }

        return success;
    }

    /// <summary>Spares reading a module that the kernel has. One that is still starting up is loaded again: that call waits
    /// until it is ready.</summary>
    private static bool IsLive(string name)
    {
        using SafeFileHandle? state = FileDescriptor.TryOpen($"/sys/module/{name}/initstate", OpenFlags.ReadOnly);
        if (state is null) return false;
        Span<byte> text = stackalloc byte[8];
        int length = FileDescriptor.TryRead(state, text);
        return length > 0 && text[..length].StartsWith("live"u8);
    }

    private static void Load(PlannedModule module)
    {
        using SafeFileHandle file = FileDescriptor.Open(module.Path, OpenFlags.ReadOnly);
        Machine.LoadModule(file, module.Name);
    }
}
