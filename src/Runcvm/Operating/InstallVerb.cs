using System.Text;
using Runcvm.HostFiles;
using Runcvm.Installation;

namespace Runcvm.Operating;

/// <summary><c>runcvm install</c> puts the running program where Docker finds it, and tells Docker. Doing it again is an update.</summary>
internal static class InstallVerb
{
    internal static int Run(string[] args, TextWriter output)
    {
        var arguments = new VerbArguments(
            "install", args, ["--prefix", "--guest", "--daemon-json", "--containerd-config", "--firecracker", "--sha256"],
            ["--no-docker", "--containerd", "--no-files"]);
        var files = new InstalledFiles(arguments.PathOf("--prefix") ?? UsualPrefix());
        bool withFiles = !arguments.Has("--no-files") && files.Host != Environment.ProcessPath;
        string guest = arguments.PathOf("--guest") ?? (withFiles ? GuestBesideUs() : files.Guest);
        if (!File.Exists(guest)) throw new UsageException($"the guest program {guest} does not exist");
        try
        {
            // What can be refused is refused before the first file is written.
            DockerRegistration? docker = arguments.Has("--no-docker")
                ? null
                : DockerRegistration.Adding(files.Host, arguments.PathOf("--daemon-json") ?? InstalledFiles.DaemonJson);
            string? containerdConfig = arguments.PathOf("--containerd-config")
                ?? (arguments.Has("--containerd") ? ContainerdRegistration.UsualFile : null);
            ContainerdRegistration? containerd = containerdConfig == null
                ? null
                : ContainerdRegistration.Adding(files.Host, containerdConfig);

            if (arguments.TextOf("--firecracker") is { } firecracker)
                FirecrackerInstall.Run(firecracker, arguments.TextOf("--sha256"), files.Firecracker, output);
            if (withFiles) CopyFiles(files, guest, output);
            docker?.Apply(DockerEngine.Find(), output);
            containerd?.Apply(output);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UsageException($"runcvm install may not write below {files.Prefix} or in Docker's or containerd's configuration; run it with sudo", e);
        }

        return 0;
    }

    private static void CopyFiles(InstalledFiles files, string guest, TextWriter output)
    {
        AtomicFile.Copy("/proc/self/exe", files.Host, AtomicFile.Program);
        output.WriteLine($"installed {files.Host}");
        AtomicFile.Copy(guest, files.Guest, AtomicFile.Program);
        output.WriteLine($"installed {files.Guest}");
        WriteText(files.ManualPage, ManualPage.Text());
        foreach ((string shell, string file) in files.Completions) WriteText(file, CompletionScript.For(shell));
        output.WriteLine($"installed {files.ManualPage}, and completions for bash, zsh and fish");
    }

    private static void WriteText(string file, string text)
        => AtomicFile.Write(file, AtomicFile.Readable, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    // An installation, which a package may have made, is completed and not made once more elsewhere.
    private static string UsualPrefix()
    {
        InstalledFiles own = InstalledFiles.Own();
        return File.Exists(own.Guest) ? own.Prefix : InstalledFiles.DefaultPrefix;
    }

    // Beside a fresh build, or where a former installation put it.
    private static string GuestBesideUs()
    {
        string folder = Path.GetDirectoryName(Environment.ProcessPath) ?? "/";
        string beside = Path.Combine(folder, "runcvm-init");
        string installed = InstalledFiles.Own().Guest;
        return File.Exists(beside) ? beside
            : File.Exists(installed) ? installed
            : throw new UsageException($"runcvm install found no runcvm-init beside itself in {folder}; name it with --guest FILE");
    }
}
