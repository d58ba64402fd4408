using System.Runtime.InteropServices;

namespace Runcvm.Kernels;

/// <summary>Gets kernel packages with the host's own apt: whatever sources and keys it trusts are good enough here.</summary>
internal static class Apt
{
    // linux-image-virtual → linux-image-generic → linux-image-6.8.0-31-generic is the longest chain seen.
    private const int MetapackagesAtMost = 4;

    /// <summary>Downloads the kernel package, and the one with its modules where a distribution splits them.</summary>
    /// <param name="sources">one name: a distribution or a package</param>
    /// <param name="folder">where to</param>
    /// <param name="machine">the processors that the kernel is to be for</param>
    public static List<string> Download(IReadOnlyList<string> sources, string folder, Architecture machine)
    {
        if (sources.Count != 1) throw new UsageException("name one distribution, one package, or .deb files that belong together");
        string image = NewestBehind(sources[0], machine);
        List<string> packages = [image, .. DependsOf(image)!.Where(IsPartOfKernel)];
        return packages.ConvertAll(p => Download(p, folder));
    }

    private static string NewestBehind(string source, Architecture machine)
    {
        foreach (string candidate in Metapackages(source, machine))
        {
            string? package = candidate;
            for (int i = 0; i < MetapackagesAtMost && package is not null; i++)
            {
                List<string>? depends = DependsOf(package);
                if (depends is null) break;
                if (IsReal(package)) return package;
                package = depends.Find(d => d.StartsWith("linux-image-", StringComparison.Ordinal));
            }
        }

        throw new UsageException($"apt knows no kernel package for '{source}': run 'apt-get update', or name a .deb file");
    }

    private static string[] Metapackages(string source, Architecture machine) => source switch
    {
        "debian" => [machine == Architecture.Arm64 ? "linux-image-cloud-arm64" : "linux-image-cloud-amd64"],
        "ubuntu" => ["linux-image-kvm", "linux-image-virtual", "linux-image-generic"],
        _ => [source],
    };

    // Ubuntu has the modules apart. Debian from Linux 6.19 on has nothing in linux-image: linux-binary has the kernel,
    // linux-base the configuration, linux-modules the modules. A package with the mere name linux-base is another one.
    private static bool IsPartOfKernel(string package)
        => package.StartsWith("linux-modules-", StringComparison.Ordinal)
            || package.StartsWith("linux-binary-", StringComparison.Ordinal)
            || package.StartsWith("linux-base-", StringComparison.Ordinal);

    /// <summary>Real packages carry the kernel's version in their name: linux-image-6.1.0-56-cloud-amd64.</summary>
    private static bool IsReal(string package)
    {
        string rest = package.Replace("linux-image-", "", StringComparison.Ordinal).Replace("unsigned-", "", StringComparison.Ordinal);
        return rest.Length > 0 && char.IsAsciiDigit(rest[0]) && rest.Contains('-', StringComparison.Ordinal);
    }

    /// <summary>Null for a package that apt does not know.</summary>
    private static List<string>? DependsOf(string package)
    {
        if (package.StartsWith('-') || Tool.TryRun("apt-cache", "depends", package) is not { } text) return null;
        var depends = new List<string>();
        foreach (string line in text.Split('\n'))
        {
            string trimmed = line.Trim().TrimStart('|');
            if (trimmed.StartsWith("Depends: ", StringComparison.Ordinal)) depends.Add(trimmed["Depends: ".Length..]);
        }

        return depends;
    }

    private static string Download(string package, string folder)
    {
        // apt would download as the user _apt, who cannot write here, and warn of it.
        Tool.RunIn(folder, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package);
        string[] files = Directory.GetFiles(folder, package + "_*.deb");
        return files.Length == 1 ? files[0] : throw new UsageException($"apt-get downloaded no file for {package}");
    }
}
