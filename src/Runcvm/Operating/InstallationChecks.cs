using Runcvm.Installation;
using Runcvm.Kernels;
using Runcvm.Options;
using Runcvm.Syntax;

namespace Runcvm.Operating;

/// <summary>What of RunCVM itself is on this host.</summary>
internal static class InstallationChecks
{
    internal static IReadOnlyList<Func<HostConfig, Finding?>> All { get; } =
        [Configuration, Files, Kernel, Registration, Engine, Machines, Space];

    /// <summary>The host's configuration; where it is broken, which <see cref="Configuration"/> says, what holds without one.</summary>
    internal static HostConfig ConfigOrDefault()
    {
        try
        {
            return HostConfig.Load();
        }
        catch (UsageException)
        {
            return new HostConfig();
        }
    }

    private static Finding Configuration(HostConfig config)
    {
        try
        {
            HostConfig.Load();
            return Finding.Fine("configuration", File.Exists(HostConfig.File) ? HostConfig.File : $"no {HostConfig.File}, so the defaults hold");
        }
        catch (UsageException e)
        {
            return Finding.Problem("configuration", e.Message, $"mend {HostConfig.File}");
        }
    }

    private static Finding Files(HostConfig config)
    {
        InstalledFiles files = InstalledFiles.Own(config);
        string[] missing = [.. new[] { files.Host, files.Guest }.Where(static path => !Path.Exists(path))];
        return missing.Length == 0
            ? Finding.Fine("installation", $"{files.Host}, version {OwnVersion.Number}")
            : Finding.Problem("installation", $"{string.Join(", ", missing)} missing", "runcvm install, from the folder that it was built in or unpacked to");
    }

    private static Finding Kernel(HostConfig config)
    {
        try
        {
            InstalledFiles files = InstalledFiles.Own(config);
            Kernel kernel = new KernelStore(files.Kernels, files.Machine).Find(null, emulated: !HostFacts.Look(config, files.Library).RunsGuests);
            return Finding.Fine("guest kernel", $"{kernel.Name} ({kernel.Release})");
        }
        catch (UsageException e)
        {
            return Finding.Problem("guest kernel", e.Message, "runcvm kernel add debian");
        }
    }

    private static Finding Registration(HostConfig config)
    {
        DockerEngine? docker = DockerEngine.Find();
        string program = InstalledFiles.Own().Host;
        var file = new DaemonJsonFile(docker?.ConfigFile ?? InstalledFiles.DaemonJson);
        if (docker is { HasRuntimesOnCommandLine: true })
            return Finding.Fine("registration", "Docker has its runtimes on its command line");
        try
        {
            return DaemonJson.WithRuntime(file.Read(), program, file.Path) == null
                ? Finding.Fine("registration", $"in {file.Path}")
                : Finding.Warning("registration", $"{file.Path} does not make {program} the runtime runcvm", "runcvm install; other engines need no registration in this file");
        }
        catch (UsageException e)
        {
            return Finding.Problem("registration", e.Message, $"mend {file.Path}");
        }
    }

    private static Finding Engine(HostConfig config)
    {
        if (EngineSocket.TryGet("/info") is not { } info) return Finding.Warning("Docker", "no engine answers", "systemctl start docker, unless another engine is used");
        string version = EngineContainer.Text(info["ServerVersion"]) ?? "of an unknown version";
        return info["Runtimes"]?["runcvm"] != null
            ? Finding.Fine("Docker", $"{version}, with the runtime runcvm")
            : Finding.Problem("Docker", $"{version} does not know the runtime runcvm", "runcvm install, then systemctl reload docker");
    }

    private static Finding Machines(HostConfig config)
    {
        MachineSurvey survey = MachineSurvey.Of();
        string text = $"{survey.Machines.Count} on this host";
        return survey.Broken.Count == 0
            ? Finding.Fine("machines", text)
            : Finding.Warning("machines", $"{text}, and {survey.Broken.Count} whose state cannot be read",
                "runcvm list says why; stop those containers and start them again");
    }

    private static Finding Space(HostConfig config)
    {
        const long Scarce = 4 * ByteSize.Gibi;
        const long TooLittle = 256 * ByteSize.Mebi;
        string folder = Directory.Exists(InstalledFiles.Cache) ? InstalledFiles.Cache : "/var/lib";
        long free = new DriveInfo(folder).AvailableFreeSpace;
        string text = $"{Amount.Bytes(free)} free in {folder}";
        const string Cure = "runcvm images prune, docker system prune, or a larger disk";
        return free < TooLittle ? Finding.Problem("space", text, Cure) : free < Scarce ? Finding.Warning("space", text, Cure) : Finding.Fine("space", text);
    }
}
