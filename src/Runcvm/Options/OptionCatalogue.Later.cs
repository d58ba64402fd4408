using Runcvm.Syntax;

namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    // Known, so that a value is never taken for a slip of the finger nor dropped in silence: only what this version does anyway
    // is accepted. A feature that arrives takes its row to the section where it belongs.
    private static Option[] Later =>
    [
        NotYet("RUNCVM_DISPLAY_MODE", "`headless`, `serial` or `vnc`.", "`headless`",
            text => text.OneOf("headless, serial or vnc", [("headless", true), ("serial", false), ("vnc", false)])),
        NotYet("RUNCVM_QEMU_VNC_DISPLAY", "Number of the VNC display.", "none", text => text.Number(0, 59635) < 0),
        NotYet("RUNCVM_QEMU_VGA", "`none`, `virtio`, `std` or `cirrus`.", "`none`",
            text => text.OneOf("none, virtio, std or cirrus", [("none", true), ("virtio", false), ("std", false), ("cirrus", false)])),
        NotYet("RUNCVM_QEMU_DISPLAY", "`none` or `curses`.", "`none`",
            text => text.OneOf("none or curses", [("none", true), ("curses", false)])),
        NotYet("RUNCVM_QEMU_USB", "A USB controller.", "off", IsOff),
        NotYet("RUNCVM_BIOS", "Firmware: `none` or `EFI`.", "`none`", text => text.OneOf("none or EFI", [("none", true), ("EFI", false)])),
    ];

    private static Option NotYet(string name, string meaning, string @default, Func<OptionText, bool> isDefault)
        => new(name, meaning, @default, (o, text) => isDefault(text) ? o : throw text.NotAvailable());

    private static bool IsOff(OptionText text) => !text.Flag();
}
