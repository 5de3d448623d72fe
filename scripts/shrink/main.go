// Command shrink makes a picture of a screen small: it reads a PNG file and writes
// one of at most 256 colours, and of at most a given width.
//
//	go run ./scripts/shrink 960 in.png out.png
package main

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"slices"
	"strconv"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: shrink WIDTH IN OUT")
		os.Exit(2)
	}
	if err := shrink(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "shrink:", err)
		os.Exit(1)
	}
}

func shrink(width, in, out string) error {
	most, err := strconv.Atoi(width)
	if err != nil || most < 1 {
		return fmt.Errorf("%q is no width", width)
	}
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	img = narrow(img, most)
	o, err := os.Create(out)
	if err != nil {
		return err
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(o, fewColours(img)); err != nil {
		o.Close()
		return err
	}
	return o.Close()
}

// narrow makes a picture at most so wide; each pixel is the mean of those that it
// covers.
func narrow(img image.Image, most int) image.Image {
	b := img.Bounds()
	if b.Dx() <= most {
		return img
	}
	w, h := most, b.Dy()*most/b.Dx()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.Set(x, y, mean(img, b.Min.X+x*b.Dx()/w, b.Min.X+(x+1)*b.Dx()/w, b.Min.Y+y*b.Dy()/h, b.Min.Y+(y+1)*b.Dy()/h))
		}
	}
	return out
}

func mean(img image.Image, x0, x1, y0, y1 int) color.Color {
	var r, g, b, n uint64
	for y := y0; y < max(y1, y0+1); y++ {
		for x := x0; x < max(x1, x0+1); x++ {
			pr, pg, pb, _ := img.At(x, y).RGBA()
			r, g, b, n = r+uint64(pr), g+uint64(pg), b+uint64(pb), n+1
		}
	}
	return color.NRGBA64{uint16(r / n), uint16(g / n), uint16(b / n), 0xffff}
}

// fewColours paints a picture with the colours that are most frequent in it. Those
// of screens are few; what is between them, at the edges of letters, is not missed.
func fewColours(img image.Image) image.Image {
	b := img.Bounds()
	coarse := func(c color.Color) color.RGBA {
		r, g, b, _ := c.RGBA()
		return color.RGBA{uint8(r>>8) &^ 3, uint8(g>>8) &^ 3, uint8(b>>8) &^ 3, 0xff}
	}
	count := make(map[color.RGBA]int)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[coarse(img.At(x, y))]++
		}
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y color.RGBA) int {
		return cmp.Or(cmp.Compare(count[y], count[x]), cmp.Compare(x.R, y.R), cmp.Compare(x.G, y.G), cmp.Compare(x.B, y.B))
	})
	var p color.Palette
	for _, c := range all[:min(len(all), 256)] {
		p = append(p, c)
	}
	near := make(map[color.RGBA]uint8, len(count))
	for c := range count {
		near[c] = uint8(p.Index(c))
	}
	out := image.NewPaletted(image.Rect(0, 0, b.Dx(), b.Dy()), p)
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.SetColorIndex(x, y, near[coarse(img.At(b.Min.X+x, b.Min.Y+y))])
		}
	}
	return out
}
