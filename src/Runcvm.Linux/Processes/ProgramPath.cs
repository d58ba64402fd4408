namespace Runcvm.Linux.Processes;

/// <summary>Where the host's programs are.</summary>
public static class ProgramPath
{
    /// <summary>Searched after PATH: daemons are sometimes started with none, or with one that lacks the sbin folders.</summary>
    public const string SystemFolders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The program's file, or null where it is not installed. A path is itself. Relative entries of PATH are passed over.</summary>
    public static string? TryFind(string name)
    {
        if (name.StartsWith('/')) return File.Exists(name) ? name : null;
        string path = $"{Environment.GetEnvironmentVariable("PATH")}:{SystemFolders}";
        return path.Split(':').Where(static folder => folder.StartsWith('/')).Select(folder => $"{folder}/{name}").FirstOrDefault(File.Exists);
    }
}
