using System.Runtime.InteropServices;
using Runcvm.Options;

namespace Runcvm.Installation;

/// <summary>Where an installation is.</summary>
/// <param name="Prefix">absolute, /usr/local unless said otherwise</param>
internal sealed record InstalledFiles(string Prefix)
{
    internal const string DefaultPrefix = "/usr/local";
    internal const string DaemonJson = "/etc/docker/daemon.json";

    /// <summary>Images, kernels that were unpacked, templates: made again when they are missing.</summary>
    internal const string Cache = "/var/lib/runcvm";

    /// <summary>Archives with which machines start, one for each kernel.</summary>
    internal const string InitramfsCache = Cache + "/initramfs";

    /// <summary>Kernels that were unpacked out of images.</summary>
    internal const string ImageKernels = Cache + "/image-kernels";

    /// <summary>A folder for each machine, with a lock that its supervisor holds.</summary>
    internal const string Machines = "/run/runcvm";

    /// <summary>The processors of the machines, and so of the guest program and the kernels.</summary>
    internal Architecture Machine { get; init; } = RuntimeInformation.OSArchitecture;

    /// <summary>What Docker is told to start.</summary>
    internal string Host => $"{Prefix}/bin/runcvm";

    internal string Library => $"{Prefix}/lib/runcvm";

    internal string Guest => $"{GuestLibrary}/runcvm-init";

    internal string Firecracker => $"{Library}/firecracker";

    internal string Kernels => $"{GuestLibrary}/kernels";

    internal string ManualPage => $"{Prefix}/share/man/man8/runcvm.8";

    /// <summary>Where bash, zsh and fish look for completions, and for which of them a file is.</summary>
    internal IReadOnlyList<(string Shell, string File)> Completions =>
    [
        ("bash", $"{Prefix}/share/bash-completion/completions/runcvm"),
        ("zsh", $"{Prefix}/share/zsh/site-functions/_runcvm"),
        ("fish", $"{Prefix}/share/fish/vendor_completions.d/runcvm.fish"),
    ];

    /// <summary>Where versions before had the root of the sandboxes.</summary>
    internal string FormerSandbox => $"{Library}/sandbox";

    private string GuestLibrary => Machine == RuntimeInformation.OSArchitecture ? Library : $"{Library}/{ProcessorName.Of(Machine)}";

    /// <summary>The installation that this program runs from, or the default one, with the guests that the host's configuration asks for.</summary>
    internal static InstalledFiles Own(HostConfig config) => Own() with { Machine = config.GuestArchitecture };

    /// <summary>The installation that this program runs from, or the default one.</summary>
    internal static InstalledFiles Own()
    {
        string? folder = Path.GetDirectoryName(Environment.ProcessPath);
        return new InstalledFiles(folder is not null && folder.EndsWith("/bin", StringComparison.Ordinal) ? folder[..^4] : DefaultPrefix);
    }
}
