namespace Runcvm.Installation;

/// <summary>A change of containerd's configuration, planned before anything is touched and then made. containerd reads
/// it when it starts; nothing is restarted here, for that is the administrator's to time.</summary>
internal sealed class ContainerdRegistration
{
    /// <summary>Where containerd looks.</summary>
    internal const string UsualFile = "/etc/containerd/config.toml";

    private readonly DaemonJsonFile _file;
    private readonly string? _text;
    private readonly bool _adds;

    private ContainerdRegistration(DaemonJsonFile file, string? text, bool adds)
    {
        _file = file;
        _text = text;
        _adds = adds;
    }

    internal static ContainerdRegistration Adding(string program, string config)
    {
        var file = new DaemonJsonFile(config);
        return new ContainerdRegistration(
            file, ContainerdConfig.WithRuntime(file.Read(), program, file.Path), adds: true);
    }

    internal static ContainerdRegistration Removing(string config)
    {
        var file = new DaemonJsonFile(config);
        return new ContainerdRegistration(file, ContainerdConfig.WithoutRuntime(file.Read(), file.Path), adds: false);
    }

    /// <summary>Takes the runtime out where it is this program, and is null where it is not.</summary>
    internal static ContainerdRegistration? RemovingOwn(string program, string config)
    {
        var file = new DaemonJsonFile(config);
        return file.Read() is { } text && ContainerdConfig.Starts(text, program)
            ? Removing(config) : null;
    }

    internal void Apply(TextWriter output)
    {
        if (_text is null)
        {
            output.WriteLine(_adds ? $"{_file.Path} has the runtime already"
                : $"{_file.Path} does not have this runtime");
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(_file.Path)!);
        string? backup = _file.Write(_text);
        output.WriteLine($"{_file.Path}: {(_adds ? "added" : "removed")} the runtime"
            + (backup is null ? "" : $" (as it was before today: {backup})"));
        output.WriteLine("containerd reads it when it starts: systemctl restart containerd (what runs goes on)");
        if (_adds && ContainerdConfig.HasNoPods(_text))
            output.WriteLine($"{_file.Path} switches off the plugin cri (disabled_plugins), without which containerd "
                + "runs no pods");
    }
}
