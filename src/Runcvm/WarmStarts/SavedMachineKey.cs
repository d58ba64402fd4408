using System.Globalization;
using System.Text;
using Runcvm.HostFiles;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Machines;

namespace Runcvm.WarmStarts;

/// <summary>Names a saved machine by all that it consists of: one of another name does not fit.</summary>
internal static class SavedMachineKey
{
    // Another way to save or to restore must not find what the old one saved.
    private const string Layout = "1";

    /// <param name="settings">of the machine that is saved</param>
    /// <param name="files">hypervisor, kernel and initramfs, whose size and time stand for what is in them</param>
    internal static string Of(MachineSettings settings, IEnumerable<string> files)
    {
        var text = new StringBuilder($"{Layout}\n{OwnVersion.Number}\n{settings.Version}\n");
        foreach (string argument in QemuArguments.BuildToSave(settings)) text.Append(argument).Append('\n');
        foreach (string file in files)
        {
            FileStatus status = FileStatus.TryOf(file, followLinks: true)
                ?? throw new LinuxException(Errno.ENOENT, $"look at {file}");
            text.Append(CultureInfo.InvariantCulture, $"{file}\n{status.Size}\n{status.ModifiedNanoseconds}\n");
        }

        return Sha256.Hex(text.ToString())[..KeyLength];
    }

    private const int KeyLength = 32;

    /// <summary>Whether a file's name without its ending can be one.</summary>
    internal static bool IsKey(string name) => name.Length == KeyLength && name.All(char.IsAsciiHexDigitLower);

    /// <summary>The arguments that only programs read, which may differ between a machine that is saved and one that is
    /// restored: the kernel passes over names that begin so (Documentation/admin-guide/kernel-parameters.rst: a name
    /// with a dot is a module's parameter, and no module has this name).</summary>
    internal static bool IsForPrograms(string arguments)
        => !arguments.Contains('"', StringComparison.Ordinal)
        && arguments.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .All(static word => word.StartsWith("systemd.", StringComparison.Ordinal));
}
