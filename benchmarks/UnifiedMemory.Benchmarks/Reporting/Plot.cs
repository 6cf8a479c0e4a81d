using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace UnifiedMemory.Benchmarks.Reporting;

/// <summary>Lines over one axis, as an SVG that needs no font or library of the machine.</summary>
internal sealed class Plot(string title, string across, string up, bool linearUp = false)
{
    private const int Width = 720;
    private const int Height = 440;

    private readonly PlotModel _model = new()
    {
        Title = title,

        // The exporter knows the widths of this one; viewers put a similar one in its place.
        DefaultFont = "Arial",
        Padding = new OxyThickness(8, 8, 32, 8),
        TitleFontSize = 14,
        Background = OxyColors.White,
        DefaultColors = [OxyColor.Parse("#0072B2"), OxyColor.Parse("#E69F00"), OxyColor.Parse("#009E73"), OxyColor.Parse("#CC79A7")],
        Legends = { new Legend { LegendPosition = LegendPosition.RightTop, LegendPlacement = LegendPlacement.Outside } },
        Axes =
        {
            new LogarithmicAxis { Position = AxisPosition.Bottom, Title = across, MajorGridlineStyle = LineStyle.Dot, MaximumPadding = 0.02 },
            linearUp
                ? new LinearAxis { Position = AxisPosition.Left, Title = up, MajorGridlineStyle = LineStyle.Dot, MaximumPadding = 0.05 }
                : new LogarithmicAxis { Position = AxisPosition.Left, Title = up, MajorGridlineStyle = LineStyle.Dot },
        },
    };

    public string Title => _model.Title;

    public Plot Line(string name, IEnumerable<(double Across, double Up)> points)
    {
        var line = new LineSeries { Title = name, MarkerType = MarkerType.Circle, MarkerSize = 3 };
        line.Points.AddRange(points.Select(point => new DataPoint(point.Across, point.Up)));
        _model.Series.Add(line);
        return this;
    }

    public void Save(string path)
    {
        using var file = File.Create(path);
        new SvgExporter { Width = Width, Height = Height, UseVerticalTextAlignmentWorkaround = true, TextMeasurer = new Pixels() }.Export(_model, file);
    }

    /// <summary>The exporter's own measure takes the size of a font for points; in an SVG it is pixels.</summary>
    private sealed class Pixels() : PdfRenderContext(Width, Height, OxyColors.White)
    {
        public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight) =>
            base.MeasureText(text, fontFamily, fontSize * 96 / 72, fontWeight);
    }
}
