using Runcvm.HostFiles;
using Runcvm.Hypervisors.Firecracker;
using Runcvm.Images;

namespace Runcvm.Installation;

/// <summary>`runcvm install --firecracker FILE|URL`: a Firecracker beside RunCVM's own programs.</summary>
internal static class FirecrackerInstall
{
    /// <param name="source">the program, or a release's archive with it; a file or an https address</param>
    /// <param name="digest">SHA-256 that the source must have, in hex; a download has to have one, unless it is of a release that is known here</param>
    /// <param name="target">where the program goes</param>
    /// <param name="output">what happened</param>
    internal static void Run(string source, string? digest, string target, TextWriter output)
    {
        bool isAddress = source.StartsWith("https://", StringComparison.Ordinal);
        if (!isAddress && source.Contains("://", StringComparison.Ordinal))
            throw new UsageException($"runcvm install --firecracker takes a file or an https address, not '{source}'");
        string? known = FirecrackerRelease.DigestOf(source);
        string? expected = digest ?? known;
        if (isAddress && expected == null)
        {
            throw new UsageException(
                "runcvm install --firecracker URL needs --sha256 with the digest that the release's page names; nothing else says whether the download is what it claims to be");
        }

        string folder = Directory.CreateTempSubdirectory("runcvm-firecracker-").FullName;
        try
        {
            string file = isAddress ? Download(source, folder) : Path.GetFullPath(source);
            if (!File.Exists(file)) throw new UsageException($"{file}, named with --firecracker, does not exist");
            string found = Sha256.Hex(File.ReadAllBytes(file));
            if (expected != null && !found.Equals(expected, StringComparison.OrdinalIgnoreCase))
                throw new UsageException($"{source} has the SHA-256 {found}, not {expected} {(digest == null ? "as the release of that name has" : "as --sha256 says")}; it was not installed");
            string program = IsProgram(file) ? file : Unpack(file, folder);
            Try(program, folder);
            AtomicFile.Copy(program, target, AtomicFile.Program);
            output.WriteLine($"installed {target} (SHA-256 of {Path.GetFileName(source)}: {found}{(expected == null ? ", not compared with anything" : "")})");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Before it takes the place of one that works.
    private static void Try(string program, string folder)
    {
        string copy = Path.Combine(folder, "try");
        AtomicFile.Copy(program, copy, AtomicFile.Program);
        FirecrackerVersion.Check(copy, Path.Combine(folder, "version"));
    }

    private static string Download(string address, string folder)
    {
        string file = Path.Combine(folder, "download");
        string? failure = Tool.Run(
            Tool.Find("curl", "curl"), ["curl", "--fail", "--silent", "--show-error", "--location", "--proto", "=https", "--output", file, "--", address]);
        return failure == null ? file : throw new UsageException($"{address} could not be downloaded: {failure}");
    }

    // release-VERSION-ARCH/firecracker-VERSION-ARCH, beside the jailer, debug symbols and other things.
    private static string Unpack(string archive, string folder)
    {
        string inside = Path.Combine(folder, "archive");
        Directory.CreateDirectory(inside);
        string? failure = Tool.Run(Tool.Find("tar", "tar"), ["tar", "-xzf", archive, "-C", inside, "--no-same-owner"]);
        if (failure != null) throw new UsageException($"{archive} is neither a program nor an archive of a release: {failure}");
        return Directory.EnumerateFiles(inside, "firecracker*", SearchOption.AllDirectories).FirstOrDefault(IsProgramByName)
            ?? throw new UsageException($"{archive} holds no Firecracker");
    }

    private static bool IsProgramByName(string file) => !file.EndsWith(".debug", StringComparison.Ordinal) && IsProgram(file);

    private static bool IsProgram(string file)
    {
        Span<byte> start = stackalloc byte[4];
        using FileStream stream = File.OpenRead(file);
        return stream.ReadAtLeast(start, 4, throwOnEndOfStream: false) == 4 && start.SequenceEqual<byte>([0x7F, (byte)'E', (byte)'L', (byte)'F']);
    }
}
