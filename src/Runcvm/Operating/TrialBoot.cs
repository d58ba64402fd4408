using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Runcvm.HostFiles;
using Runcvm.Images;
using Runcvm.Installation;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;
using Tool = Runcvm.Kernels.Tool;

namespace Runcvm.Operating;

/// <summary>A machine from beginning to end, as an engine would make it, whose workload is this program saying its version.
/// It leaves nothing behind.</summary>
internal static class TrialBoot
{
    private const string Subject = "trial boot";

    internal static Finding Run()
    {
        string id = $"runcvm-doctor-{Environment.ProcessId}";
        string folder = Path.Combine(InstalledFiles.Cache, id);
        string rootfs = Path.Combine(folder, "rootfs");
        string runtime = ConfiguredRuntime();
        string state = Path.Combine(folder, "state");
        MachineFolder machine = MachineFolder.Of(id, state, () => LowLevelRuntime.DefaultRoot(runtime));
        try
        {
            Directory.CreateDirectory(rootfs);
            AtomicFile.Copy("/proc/self/exe", Path.Combine(rootfs, "runcvm"), AtomicFile.Program);
            Tool.Run(runtime, "spec", "--bundle", folder);
            Edit(folder);
            return Boot(folder, id);
        }
        finally
        {
            // Only a machine that was given up has left anything for this.
            Tool.TryRun(runtime, "--root", state, "delete", "--force", id);
            machine.Remove();
            RemoveDisks(machine.Key, rootfs);
            Directory.Delete(folder, recursive: true);
        }
    }

    // Not from the check's argument: where the configuration is broken, the trial is left out.
    private static string ConfiguredRuntime() => HostConfig.Load().LowLevelRuntime ?? ProgramPath.TryFind("runc") ?? "crun";

    private static void Edit(string folder)
    {
        var bundle = new Bundle(folder);
        JsonObject process = bundle.Spec["process"]!.AsObject();
        process["terminal"] = false;
        process["args"] = new JsonArray("/runcvm", "version");
        bundle.Spec["root"]!["readonly"] = false;
        bundle.Save();
    }

    private static Finding Boot(string folder, string id)
    {
        var clock = Stopwatch.StartNew();
        TimeSpan patience = HostConfig.Load().BootTimeout + TimeSpan.FromSeconds(60);
        string program = InstalledFiles.Own().Host;
        var start = new ProcessStartInfo(program, ["--root", Path.Combine(folder, "state"), "run", "--bundle", folder, id])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(patience))
        {
            process.Kill(entireProcessTree: true);
            return Finding.Problem(Subject, $"no end after {patience.TotalSeconds:F0} s", "RUNCVM_KERNEL_DEBUG=1 on a container shows how far its kernel comes");
        }

        if (process.ExitCode == 0 && output.GetAwaiter().GetResult().Contains(OwnVersion.Number, StringComparison.Ordinal))
            return Finding.Fine(Subject, string.Create(CultureInfo.InvariantCulture, $"a machine booted, ran a program and ended in {clock.Elapsed.TotalSeconds:F1} s"));
        return Finding.Problem(
            Subject, $"exit code {process.ExitCode}: {errors.GetAwaiter().GetResult().Trim()}", "see the message; docs/troubleshooting.md knows the usual ones");
    }

    private static void RemoveDisks(string machine, string rootfs)
    {
        var cache = new RootImageCache();
        string prefix = LayerKey.FolderPrefix(rootfs);
        foreach (string key in cache.Keys().Where(key => key.StartsWith(prefix, StringComparison.Ordinal)))
        {
            File.Delete(cache.PathOf(key));
            File.Delete(cache.LayersOf(key));
        }

        string scratch = Path.Combine(ScratchDisk.DefaultFolder, "scratch");
        if (!Directory.Exists(scratch)) return;
        foreach (string file in Directory.EnumerateFiles(scratch, machine + ".*")) File.Delete(file);
    }
}
