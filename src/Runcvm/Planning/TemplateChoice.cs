using Microsoft.Win32.SafeHandles;
using Runcvm.Images;
using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;
using Runcvm.WarmStarts;

namespace Runcvm.Planning;

/// <summary>The template from whose moment a machine goes on.</summary>
internal sealed class TemplateChoice : SavedMoment
{
    private readonly Template _template;
    private readonly TemplateStore _store;

    private TemplateChoice(Template template, TemplateStore store)
        : base(template.Record, template.Memory)
    {
        _template = template;
        _store = store;
    }

    internal override string Name => $"template {_template.Name}";

    /// <summary>The one that the options name; null where they name none, and for a machine that has a disk of its own,
    /// from which it boots as after any restart.</summary>
    internal static TemplateChoice? Of(
        MachineOptions options, HostConfig config, TemplateStore store, LayerChain chain, MachineFolder folder)
    {
        if (options.Template is not { } name) return null;
        string scratch = ScratchDisk.PathOf(chain, folder.Key);
        if (File.Exists(scratch) && !CloneMark.IsSet(scratch)) return null;
        if (!config.Templates.Contains(name))
        {
            throw new UsageException($"containers may not use template {name}, which carries its creator's data; list "
                + $"\"{name}\" under templates in {HostConfig.File} to let them");
        }

        Check(options, $"template {name}");
        return new TemplateChoice(store.Open(name), store);
    }

    internal override string Root(LayerChain chain, MachineFolder folder, Func<string> ensure)
    {
        File.WriteAllText(folder.RootImage, chain.Key);
        return _store.RootOf(_template.Name);
    }

    // A start before this one that came to nothing had another one.
    protected override ScratchDisk CopyDisk(LayerChain chain, MachineFolder folder, long size)
    {
        string path = ScratchDisk.PathOf(chain, folder.Key);
        File.Delete(path);
        Node.MakeDirectory(Path.GetDirectoryName(path)!, Permission.OwnersFolder);
        CloneMark.Set(folder, path);
        using SafeFileHandle disk = _template.Disk;
        return ScratchDisk.Ensure(chain, folder.Key, size, content: to => SparseCopy.Copy(disk, to));
    }
}
