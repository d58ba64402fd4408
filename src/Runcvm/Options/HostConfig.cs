using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Syntax;

namespace Runcvm.Options;

/// <summary>/etc/runcvm/config.toml: what holds for the whole host. Every option is a key there, in lower case and without
/// its prefix; the keys below are only there, because no container may choose a program of the host.</summary>
internal sealed record HostConfig
{
    internal const string File = "/etc/runcvm/config.toml";

    private const int DefaultBootTimeout = 120;

    /// <summary>Name or path of the low-level runtime. Default: null, <c>runc</c> else <c>crun</c> on the PATH.</summary>
    internal string? LowLevelRuntime { get; init; }

    /// <summary>Path of QEMU. Default: null, found on the PATH.</summary>
    internal string? Qemu { get; init; }

    /// <summary>Path of Firecracker. Default: null, found on the PATH, beside the installation or below /opt.</summary>
    internal string? Firecracker { get; init; }

    /// <summary>What is called Firecracker here is a test double that runs without KVM. Default: false.</summary>
    internal bool FirecrackerIsTestDouble { get; init; }

    /// <summary>The processors of the machines. Default: the host's own; others are QEMU's to emulate.</summary>
    internal Architecture GuestArchitecture { get; init; } = RuntimeInformation.OSArchitecture;

    /// <summary>How long a guest may take to answer, in whole seconds. Default: 120.</summary>
    internal TimeSpan BootTimeout { get; init; } = TimeSpan.FromSeconds(DefaultBootTimeout);

    /// <summary>How large the cache of root images may become before those longest unused are removed, in bytes. Default: 64 GiB.</summary>
    internal long ImageCacheBytes { get; init; } = 64 * ByteSize.Gibi;

    /// <summary>Memory of a pod's machine where the pod has no limit, in bytes. Default: 2 GiB.</summary>
    internal long PodMemoryBytes { get; init; } = 2 * ByteSize.Gibi;

    /// <summary>How large the store of saved machines may become before those longest unused are removed, in bytes.
    /// Default: 4 GiB.</summary>
    internal long WarmCacheBytes { get; init; } = 4 * ByteSize.Gibi;

    /// <summary>Templates that containers may use. Default: none.</summary>
    internal IReadOnlySet<string> Templates { get; init; } = new HashSet<string>();

    /// <summary>Users for hypervisors, one for each machine. Default: 1900000000 to 1900065535.</summary>
    internal UserRange HypervisorUsers { get; init; } = UserRange.Default;

    /// <summary>Options that cost or reach the host and that containers may use all the same. Default: none.</summary>
    internal IReadOnlySet<string> Allow { get; init; } = new HashSet<string>();

    /// <summary>Options for machines that do not set them, by the name of the variable. Default: none.</summary>
    internal IReadOnlyDictionary<string, OptionText> Options { get; init; } = new Dictionary<string, OptionText>();

    /// <summary>Reads the file; one that is not there leaves every default.</summary>
    internal static HostConfig Load(string path = File)
    {
        using SafeFileHandle? file = FileDescriptor.TryOpen(path, OpenFlags.ReadOnly);
        if (file is null) return new HostConfig();
        using var reader = new StreamReader(new FileStream(file, FileAccess.Read));
        return Parse(reader.ReadToEnd(), path);
    }

    internal static HostConfig Parse(string text, string path)
    {
        var config = new HostConfig();
        var options = new Dictionary<string, OptionText>(StringComparer.Ordinal);
        foreach (ConfigLine line in ConfigLine.ReadAll(text, path))
        {
            switch (line.Key)
            {
                case "low_level_runtime": config = config with { LowLevelRuntime = line.Single() }; break;
                case "qemu": config = config with { Qemu = line.AbsolutePath() }; break;
                case "firecracker": config = config with { Firecracker = line.AbsolutePath() }; break;
                case "firecracker_is_test_double": config = config with { FirecrackerIsTestDouble = new OptionText(line.Where, line.Single()).Flag() }; break;
                case "guest_architecture": config = config with { GuestArchitecture = GuestProcessor(line) }; break;
                case "boot_timeout": config = config with { BootTimeout = Seconds(line) }; break;
                case "image_cache_size": config = config with { ImageCacheBytes = CacheSize(line) }; break;
                case "pod_memory": config = config with { PodMemoryBytes = MemorySize(line) }; break;
                case "warm_cache_size": config = config with { WarmCacheBytes = CacheSize(line) }; break;
                case "templates": config = config with { Templates = TemplateNames(line) }; break;
                case "vmm_users": config = config with { HypervisorUsers = Users(line) }; break;
                case "allow": config = config with { Allow = Allowed(line) }; break;
                default: options.Add(Option(line).Name, new OptionText(line.Where, line.Single())); break;
            }
        }

        return config with { Options = options };
    }

    private static Architecture GuestProcessor(ConfigLine line) => ProcessorName.TryParse(line.Single())
        ?? throw new UsageException($"{line.Where} must be x86-64 or arm64, not '{new OptionText("", line.Single()).Shown}'");

    private static TimeSpan Seconds(ConfigLine line)
        => TimeSpan.FromSeconds(new OptionText(line.Where, line.Single()).Number(1, 3600));

    private static long CacheSize(ConfigLine line)
        => new OptionText(line.Where, line.Single()).Size(ByteSize.Gibi, 1024 * ByteSize.Tebi, null);

    private static long MemorySize(ConfigLine line)
        => new OptionText(line.Where, line.Single()).Size(MachineSize.LeastMemory, MachineSize.MostMemory, null);

    private static UserRange Users(ConfigLine line) => UserRange.TryParse(line.Single())
        ?? throw new UsageException($"{line.Where} must be FIRST-LAST, two user ids from 1 to 2147483646, not '{new OptionText("", line.Single()).Shown}'");

    private static HashSet<string> TemplateNames(ConfigLine line)
        => [.. line.List().Select(name => new OptionText(line.Where, name).TemplateName())];

    private static HashSet<string> Allowed(ConfigLine line)
    {
        var allowed = new HashSet<string>(StringComparer.Ordinal);
        IEnumerable<Option> allowable = OptionCatalogue.All.Where(option => option.NeedsAllow);
        foreach (string key in line.List())
        {
            Option option = allowable.FirstOrDefault(o => o.Key == key || o.Name == key)
                ?? throw new UsageException(
                    $"{line.Where} may list {string.Join(", ", allowable.Select(o => o.Key))}, not '{new OptionText("", key).Shown}'");
            allowed.Add(option.Name);
        }

        return allowed;
    }

    private static Option Option(ConfigLine line)
    {
        string name = Runcvm.Options.Option.NameOf(line.Key);
        Option? option = OptionCatalogue.All.FirstOrDefault(o => o.Name == name && o.Key == line.Key);
        if (option is { Replacement: null }) return option;
        throw new UsageException($"{line.Where} is not a setting of RunCVM; the nearest name is {NearestName.Of(line.Key, Keys)}");
    }

    /// <summary>Keys that are no option of containers.</summary>
    internal static IReadOnlyList<string> OwnKeys { get; } =
    [
        "low_level_runtime", "qemu", "firecracker", "firecracker_is_test_double", "guest_architecture", "boot_timeout",
        "image_cache_size", "pod_memory", "warm_cache_size", "templates", "vmm_users", "allow",
    ];

    /// <summary>Every key that the file may have.</summary>
    internal static IEnumerable<string> Keys =>
    [
        .. OwnKeys,
        .. OptionCatalogue.All.Where(option => option.Replacement is null).Select(option => option.Key),
    ];
}
