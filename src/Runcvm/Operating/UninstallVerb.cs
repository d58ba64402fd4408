using Runcvm.HostFiles;
using Runcvm.Installation;
using Runcvm.Sandbox;

namespace Runcvm.Operating;

/// <summary><c>runcvm uninstall</c> takes back what <see cref="InstallVerb"/> did, and nothing else.</summary>
internal static class UninstallVerb
{
    internal static int Run(string[] args, TextWriter output)
    {
        var arguments = new VerbArguments(
            "uninstall", args, ["--prefix", "--daemon-json", "--containerd-config"],
            ["--no-docker", "--containerd", "--no-files", "--force", "--purge"]);
        var files = new InstalledFiles(arguments.PathOf("--prefix") ?? InstalledFiles.Own().Prefix);
        if (!arguments.Has("--force")) RefuseWhileMachinesRun(InstalledFiles.Machines);
        try
        {
            // Engines first: they must not find a runtime in their configuration whose file is gone.
            if (!arguments.Has("--no-docker"))
            {
                DockerRegistration.Removing(files.Host, arguments.PathOf("--daemon-json") ?? InstalledFiles.DaemonJson)
                    .Apply(DockerEngine.Find(), output);
            }

            string? named = arguments.PathOf("--containerd-config");
            string config = named ?? ContainerdRegistration.UsualFile;
            ContainerdRegistration? containerd = named != null || arguments.Has("--containerd")
                ? ContainerdRegistration.Removing(config)
                : ContainerdRegistration.RemovingOwn(files.Host, config);
            containerd?.Apply(output);

            if (!arguments.Has("--no-files"))
            {
                string[] copied = [files.Host, files.Guest, files.Firecracker, files.ManualPage, .. files.Completions.Select(static item => item.File)];
                foreach (string file in copied) Remove(file, output);
            }

            if (Directory.Exists(files.FormerSandbox))
            {
                SandboxSkeleton.Remove(files.FormerSandbox);
                output.WriteLine($"removed {files.FormerSandbox}");
            }

            if (!arguments.Has("--no-files")) RemoveLibrary(files.Library, output);
            RemoveCache(arguments.Has("--purge"), output);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UsageException($"runcvm uninstall may not write below {files.Prefix} or in Docker's or containerd's configuration; run it with sudo", e);
        }

        return 0;
    }

    internal static void RefuseWhileMachinesRun(string stateFolder)
    {
        if (!Directory.Exists(stateFolder)) return;
        string[] running = [.. Directory.GetDirectories(stateFolder)
            .Where(folder => LockFile.IsHeld(Path.Combine(folder, "lock")))
            .Select(folder => Path.GetFileName(folder))];
        if (running.Length == 0) return;
        throw new UsageException(
            $"{running.Length} machine{(running.Length == 1 ? " is" : "s are")} running ({string.Join(", ", running.Select(Short).Take(5))}); "
            + "stop what runs first, or say --force: machines then go on running, but can neither be entered nor be removed cleanly");
    }

    // As much of an id as docker ps shows.
    private static string Short(string id) => id.Length <= 12 ? id : id[..12];

    private static void Remove(string file, TextWriter output)
    {
        if (!File.Exists(file)) return;
        File.Delete(file);
        output.WriteLine($"removed {file}");
    }

    private static void RemoveLibrary(string folder, TextWriter output)
    {
        if (!Directory.Exists(folder)) return;
        string[] rest = Directory.GetFileSystemEntries(folder);
        if (rest.Length == 0) Directory.Delete(folder);
        else output.WriteLine($"kept {string.Join(", ", rest)}, which runcvm install did not put there");
    }

    private static void RemoveCache(bool purge, TextWriter output)
    {
        if (purge && Directory.Exists(SandboxSkeleton.Place)) SandboxSkeleton.Remove(SandboxSkeleton.Place);
        foreach (string folder in (string[])[BootTurns.Folder, HypervisorUsers.Folder])
            if (purge && Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        if (!Directory.Exists(InstalledFiles.Cache)) return;
        if (purge) Directory.Delete(InstalledFiles.Cache, recursive: true);
        output.WriteLine($"{(purge ? "removed" : "kept")} {InstalledFiles.Cache}{(purge ? "" : " (--purge removes it)")}");
    }
}
